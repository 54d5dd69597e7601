import Foundation
import Logging
import TertibRuntime
import TertibCore
import TertibJetStream
import Testing

@testable import TertibConfiguration

@Suite("A configuration")
struct ConfigurationTests {
    let workspace: Workspace

    init() throws {
        workspace = try Workspace()
        try workspace.writeNamedFiles()
    }

    @Test("has the documented defaults for all that it leaves out")
    func hasDefaults() throws {
        let configuration = try workspace.read(Sample.consumer("{}"))
        #expect(configuration.service.text == "orders")
        #expect(configuration.nats.servers.map(\.url) == ["nats://127.0.0.1:4222"])
        #expect(configuration.nats.authentication == .none)
        #expect(configuration.nats.tls == TransportSecurity())
        #expect(configuration.nats.inboxPrefix == "_INBOX")
        #expect(configuration.nats.apiPrefix == "$JS.API")
        #expect(configuration.stream.replicas == 1)
        #expect(configuration.stream.manage == .create)
        #expect(configuration.store == .sqlite(path: "\(workspace.path)/orders.sqlite"))
        let name = try ConsumerName("orders")
        #expect(configuration.consumers == [name: ConsumerSettings(name: name)])
        #expect(configuration.publishes.isEmpty)
        #expect(configuration.outbox == OutboxSettings())
        #expect(configuration.log == LogConfiguration(level: .info, format: .text))
        #expect(configuration.warnings.isEmpty)
    }

    @Test("has every value that the file gives")
    func hasValues() throws {
        let configuration = try workspace.read(GoodFiles.everything)
        #expect(configuration.nats.servers.map(\.asksForTLS) == [true, false, false])
        #expect(
            configuration.nats.authentication == .password(user: "orders", passwordFile: "\(workspace.path)/password"))
        #expect(
            configuration.nats.tls
                == TransportSecurity(
                    isRequired: true, caFile: "\(workspace.path)/ca.pem", certificateFile: "\(workspace.path)/a.pem",
                    keyFile: "\(workspace.path)/a.key"))
        #expect(configuration.nats.inboxPrefix == "_INBOX_orders.x")
        #expect(configuration.nats.apiPrefix == "$JS.hub.API")
        #expect(configuration.stream.name.text == "SHOP_2")
        #expect(configuration.stream.namespace.text == "shop-2")
        #expect(configuration.stream.replicas == 3)
        #expect(configuration.stream.manage == .check)
        let consumer = ConsumerSettings(
            name: try ConsumerName("orders"),
            aggregates: [try AggregateType("product"), try AggregateType("order_line-2")], batch: 64,
            acknowledgementWait: .seconds(90), maxAcknowledgementPending: 5000, gapHold: .zero,
            gapLimit: .seconds(3600),
            retry: RetryPolicy(maxAttempts: 1, initialDelay: .milliseconds(1), maxDelay: .seconds(86_400)),
            maxParkedPerAggregate: 10, maxParkedTotal: 10)
        let copies = try ConsumerName("copies")
        #expect(configuration.consumers == [consumer.name: consumer, copies: ConsumerSettings(name: copies)])
        #expect(
            configuration.publishes == [try AggregateType("order"): .outbox, try AggregateType("cart"): .append])
        #expect(configuration.outbox == OutboxSettings(inFlight: 1, hold: .seconds(2_592_000)))
        #expect(configuration.log == LogConfiguration(level: .trace, format: .json))
        #expect(configuration.options.consumers == configuration.consumers)
        #expect(configuration.options.namespace == configuration.stream.namespace)
    }

    @Test("knows every way to authenticate")
    func knowsEveryAuthentication() throws {
        func authentication(_ text: String) throws -> Authentication {
            try workspace.read(Sample.authentication(text)).nats.authentication
        }
        let key = "U" + String(repeating: "A", count: 55)
        #expect(try authentication(#"{ "kind": "none" }"#) == .none)
        #expect(
            try authentication(#"{ "kind": "credentials", "file": "a.creds" }"#)
                == .credentials(file: "\(workspace.path)/a.creds"))
        #expect(
            try authentication(#"{ "kind": "nkey", "publicKey": "\#(key)", "seedFile": "\#(workspace.path)/a.nk" }"#)
                == .nkey(publicKey: key, seedFile: "\(workspace.path)/a.nk"))
        #expect(
            try authentication(#"{ "kind": "token", "tokenFile": "token" }"#) == .token(file: "\(workspace.path)/token")
        )
    }

    @Test("asks for TLS when it has the section, or a server named with tls://, unless it says otherwise")
    func asksForTLS() throws {
        let required = TransportSecurity(isRequired: true)
        #expect(try workspace.read(Sample.tls("{}")).nats.tls == required)
        #expect(try workspace.read(Sample.tls(#"{ "required": true }"#)).nats.tls == required)
        #expect(try workspace.read(Sample.tls(#"{ "required": false }"#)).nats.tls == TransportSecurity())
        #expect(try workspace.read(Sample.servers(#"["nats://a", "tls://b"]"#)).nats.tls == required)
    }

    @Test("tells every setting with its value and where it came from")
    func tellsOrigins() throws {
        let text = """
            {
              "service": "orders",
              "nats": { "servers": ["nats://127.0.0.1:4222"], "tls": { "caFile": "ca.pem" } },
              "stream": { "name": "SHOP", "namespace": "shop" },
              "store": { "kind": "sqlite", "path": "orders.sqlite" },
              "consumers": { "orders": { "acknowledgementWait": "90s" } }
            }
            """
        let settings = try workspace.read(text).settings
        func setting(_ path: String) -> EffectiveSetting? { settings.first { $0.path == path } }
        #expect(setting("$.service")?.value == "\"orders\"")
        #expect(setting("$.service")?.origin == .file(line: 2, column: 14))
        #expect(setting("$.nats.servers[0]")?.origin == .file(line: 3, column: 25))
        #expect(setting("$.nats.tls.caFile")?.value == "\"\(workspace.path)/ca.pem\"")
        #expect(setting("$.consumers.orders.acknowledgementWait")?.value == "\"1m30s\"")
        #expect(setting("$.consumers.orders.acknowledgementWait")?.origin == .file(line: 6, column: 53))
        #expect(
            setting("$.consumers.orders.retry.maxDelay")
                == EffectiveSetting(
                    path: "$.consumers.orders.retry.maxDelay", value: "\"1m\"", origin: .default))
        #expect(setting("$.log.level")?.origin == .default)
        #expect(Set(settings.map(\.path)).count == settings.count)
        for setting in settings { _ = try JSONNode.parse(Array(setting.value.utf8)) }
    }

    @Test("is the same whatever the line ends, and however keys are escaped and ordered")
    func isIndependentOfSpelling() throws {
        let plain = try workspace.read(GoodFiles.everything)
        let crlf = try workspace.read(GoodFiles.everything.replacing("\n", with: "\r\n"))
        #expect(crlf.settings == plain.settings)
        #expect(crlf.consumers == plain.consumers)
    }

    @Test("holds no secret: it knows only where each one stands")
    func printsNoSecret() throws {
        try workspace.write("canary-4711\n", to: "password")
        let configuration = try workspace.read(GoodFiles.everything)
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped, "\(configuration.settings)"] {
            #expect(!text.contains("canary"), "\(text)")
        }
    }

    @Test("warns of a secret that others can read, and of nothing else")
    func warnsOfExposedSecrets() throws {
        try workspace.write("secret\n", to: "password", permissions: 0o644)
        try workspace.write("key\n", to: "a.key", permissions: 0o640)
        try workspace.write("public\n", to: "a.pem", permissions: 0o644)
        try workspace.write("public\n", to: "ca.pem", permissions: 0o644)
        let warnings = try workspace.read(GoodFiles.everything).warnings
        #expect(warnings.map(\.path) == ["$.nats.authentication.passwordFile", "$.nats.tls.keyFile"])
        #expect(warnings.allSatisfy { $0.code == .exposedSecret && $0.description.contains("chmod 600") })
    }

    @Test(
        "refuses a secret's file that is empty or has more than one line",
        arguments: ["", "\n", "a\nb\n", "a\u{0}b", "\u{1B}[31m", String(repeating: "x", count: 5000)])
    func refusesStrangeSecrets(content: String) throws {
        try workspace.write(content, to: "token")
        let text = Sample.authentication(#"{ "kind": "token", "tokenFile": "token" }"#)
        let error = try #require(#expect(throws: ConfigurationError.self) { try workspace.read(text) })
        #expect(error.problems.map(\.code) == [.unreadable])
        #expect(error.problems.map(\.path) == ["$.nats.authentication.tokenFile"])
    }

    @Test("is loaded from a file, relative paths from its folder")
    func isLoadedFromAFile() throws {
        try workspace.write("token", to: "deep/folder/secrets/token")
        let path = try workspace.write(
            Sample.authentication(#"{ "kind": "token", "tokenFile": "./secrets/token" }"#),
            to: "deep/folder/orders.json")
        let configuration = try ServiceConfiguration.load(path)
        #expect(configuration.store == .sqlite(path: "\(workspace.path)/deep/folder/orders.sqlite"))
        #expect(configuration.nats.authentication == .token(file: "\(workspace.path)/deep/folder/secrets/token"))
    }
}
