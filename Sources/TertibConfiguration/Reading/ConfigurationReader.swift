import Logging
import TertibRuntime
import TertibCore

/// Reads a whole configuration from its tree.
struct ConfigurationReader {
    let context: ReadingContext

    static let keys = [
        "$schema", "service", "nats", "stream", "store", "consumers", "publishes", "outbox", "log",
    ]

    /// The configuration.
    /// - Throws: ``ConfigurationError`` with everything that is wrong.
    func read(_ node: JSONNode) throws(ConfigurationError) -> ServiceConfiguration {
        let parts = readParts(node)
        if let error = context.error { throw error }
        guard let parts, let service = parts.service, let nats = parts.nats, let stream = parts.stream,
            let store = parts.store
        else { preconditionFailure("a required part was not read, and nothing was reported") }
        return ServiceConfiguration(
            service: service, nats: nats, stream: stream, store: store, consumers: parts.consumers,
            publishes: parts.publishes, outbox: parts.outbox, log: parts.log, settings: context.settings,
            warnings: context.warnings)
    }

    /// What the sections hold; a required one is `nil` after a report.
    private struct Parts {
        let service: ServiceName?
        let nats: NATSConfiguration?
        let stream: StreamConfiguration?
        let store: StoreConfiguration?
        let consumers: [ConsumerName: ConsumerSettings]
        let publishes: [AggregateType: PublishingMode]
        let outbox: OutboxSettings
        let log: LogConfiguration
    }

    private func readParts(_ node: JSONNode) -> Parts? {
        guard let file = Section(node, at: .root, keys: Self.keys, later: ["http"], in: context) else { return nil }
        let service = file.required(
            "service", Form<ServiceName>.name("a name of a-z, 0-9 and -, beginning with a letter", example: "orders"))
        _ = file.optional(
            "$schema",
            .text("the address of the JSON Schema", example: "configuration.schema.json", check: { _ in nil }))
        let natsSection = file.requiredSection(
            "nats", keys: NATSReader.keys, example: #"{ "servers": ["nats://127.0.0.1:4222"] }"#)
        let nats = natsSection.flatMap { NATSReader(context: context, section: $0).read() }
        let stream = readStream(file)
        if let natsSection, let nats, let stream { checkPrefixes(natsSection, nats, stream) }
        return Parts(
            service: service, nats: nats, stream: stream, store: StoreReader(context: context).read(file),
            consumers: readConsumers(file),
            publishes: readPublishes(file), outbox: readOutbox(file), log: readLog(file))
    }

    private func readStream(_ file: Section) -> StreamConfiguration? {
        let keys = ["name", "namespace", "replicas", "manage"]
        let example = #"{ "name": "SHOP", "namespace": "shop" }"#
        guard let section = file.requiredSection("stream", keys: keys, example: example) else { return nil }
        let name = section.required(
            "name",
            Form<StreamName>.name("1 to 64 of A-Z, a-z, 0-9, _ and -, not digits only", example: "SHOP"))
        let namespace = section.required(
            "namespace", Form<Namespace>.name("a name of a-z, 0-9 and -, beginning with a letter", example: "shop"))
        let replicas = section.value("replicas", .integer(1...5, example: 3), default: 1)
        let manage = section.value(
            "manage", .choice([ManagementMode.create, ManagementMode.check]), default: .create)
        guard let name, let namespace else { return nil }
        return StreamConfiguration(name: name, namespace: namespace, replicas: replicas, manage: manage)
    }

    /// The stream captures every subject below the namespace, so that replies and requests must not lie there.
    private func checkPrefixes(_ section: Section, _ nats: NATSConfiguration, _ stream: StreamConfiguration) {
        for (key, prefix) in [("inboxPrefix", nats.inboxPrefix), ("apiPrefix", nats.apiPrefix)]
        where prefix.prefix(while: { $0 != "." }) == stream.namespace.text {
            section.reportContradiction(
                of: [key], "lies in the stream's namespace",
                reason: "expected subjects outside \(stream.namespace).>, which the stream would store, found "
                    + QuotedText.quote(prefix),
                advice: "choose another prefix, or another $.stream.namespace")
        }
    }

    private func readConsumers(_ file: Section) -> [ConsumerName: ConsumerSettings] {
        guard let section = file.names("consumers") else { return [:] }
        let members = section.inOrder
        if members.count > 64 {
            context.report(
                .invalidValue, at: section.position, section.path, "has too many members",
                reason: "expected at most 64 consumers, found \(members.count)", advice: "split the service")
        }
        var consumers: [ConsumerName: ConsumerSettings] = [:]
        for member in members {
            guard let name: ConsumerName = section.name(member, "a consumer's name", example: "orders"),
                let consumer = section.section(member.key, keys: ConsumerReader.keys)
            else { continue }
            consumers[name] = ConsumerReader(section: consumer, name: name).read()
        }
        return consumers
    }

    private func readPublishes(_ file: Section) -> [AggregateType: PublishingMode] {
        guard let section = file.names("publishes") else { return [:] }
        var ways: [AggregateType: PublishingMode] = [:]
        for member in section.inOrder {
            guard let type: AggregateType = section.name(member, "an aggregate type", example: "order"),
                let way = section.required(member.key, .choice([PublishingMode.outbox, .append]))
            else { continue }
            ways[type] = way
        }
        return ways
    }

    private func readOutbox(_ file: Section) -> OutboxSettings {
        let outbox =
            file.section("outbox", keys: ["inFlight", "hold"])
            ?? .empty(at: file.path.member("outbox"), in: context)
        let defaults = OutboxSettings()
        return OutboxSettings(
            inFlight: outbox.value("inFlight", .integer(1...16_384, example: 1024), default: defaults.inFlight),
            hold: outbox.value(
                "hold", .duration(.seconds(1) ... .seconds(2_592_000), example: .seconds(600)),
                default: defaults.hold))
    }

    private func readLog(_ file: Section) -> LogConfiguration {
        let log = file.section("log", keys: ["level", "format"]) ?? .empty(at: file.path.member("log"), in: context)
        return LogConfiguration(
            level: log.value("level", .choice(Logger.Level.allCases), default: .info),
            format: log.value("format", .choice(LogFormat.allCases), default: .text))
    }
}
