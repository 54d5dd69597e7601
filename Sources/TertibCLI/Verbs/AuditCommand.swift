import ArgumentParser
import TertibRuntime
import TertibConfiguration
import TertibCore
import TertibTerminal

/// `tertib audit`
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Compare every consumer's watermarks with the whole stream.",
        discussion: """
            It reads the stream from its first message to its last, writes nothing, and may run while everything \
            else does: what is still to be delivered counts as lagging, which is no fault.

              tertib audit --config orders.json
              tertib audit --config orders.json --config payments.json --json

            It ends with 1 when it finds anything of these:

              behind    the next event was acknowledged, and is not applied
              gapped    a version is missing, and later ones wait for it
              ahead     the watermark is above everything that the stream has
              forked    another event was applied at the watermark's version
              missing   events were acknowledged, and there is no watermark
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration of a service; may be given several times. TERTIB_CONFIG when it is left out.",
            valueName: "file"),
        completion: .file(extensions: ["json"]))
    var config: [String] = []

    @Flag(name: .long, help: ArgumentHelp("Repair what is found.", visibility: .hidden))
    var repair = false

    @OptionGroup var output: OutputOptions

    func run() async throws {
        if repair {
            throw Failure(
                status: .unusable, code: "not-yet", what: "audit --repair is not built yet",
                why: "this version of tertib only finds what is wrong",
                next: "Run `tertib audit`, and `tertib explain TYPE/ID` for what it lists.")
        }
        var paths = config
        if paths.isEmpty { paths = [try CommonOptions.parse([]).configurationPath()] }
        let audit = try await audit(try paths.map { try ServiceConfiguration.load($0) }, opened: [])
        let console = Console.standard
        if output.json {
            console.write(audit.document)
        } else {
            for line in audit.lines(for: console.output) { console.write(line) }
        }
        if !audit.isOK { throw ExitCode(ExitStatus.wrong.rawValue) }
    }

    /// Opens one service after the other, and audits them together.
    private func audit(_ configurations: [ServiceConfiguration], opened: [EventBus]) async throws -> Audit {
        guard let next = configurations.first else {
            let bar = ProgressBar("Reading the stream", unit: "messages")
            defer { bar.finish() }
            return try await Auditor(services: opened).run { bar.update($0.done, of: $0.total) }
        }
        return try await OpenedService.with(next, output) { service in
            try await audit(Array(configurations.dropFirst()), opened: opened + [service.tertib])
        }
    }
}

extension Audit {
    private var findings: [(name: String, entries: [Entry])] {
        [
            ("behind", behind), ("gapped", gapped), ("ahead", ahead), ("forked", forked), ("missing", missing),
        ]
    }

    /// What `--json` prints.
    var document: JSONValue {
        .object(
            [
                .init(key: "ok", value: .bool(isOK)), .init(key: "aggregates", value: .number(aggregates)),
                .init(key: "events", value: .number(events)), .init(key: "lagging", value: .number(lagging)),
            ]
                + findings.map { finding in
                    .init(key: finding.name, value: .array(finding.entries.map(\.document)))
                })
    }

    /// What people see: the verdict, then what is wrong, at most 20 rows of a kind.
    func lines(for terminal: Terminal) -> [String] {
        let scope = "\(Words.count(aggregates, "aggregate")), \(Words.count(events, "event")) read"
        let wrong = findings.reduce(0) { $0 + $1.entries.count }
        let verdict =
            isOK
            ? TextStyle.good.apply("ok", on: terminal)
            : TextStyle.bad.apply("\(Words.count(wrong, "watermark")) wrong", on: terminal)
        var lines = ["\(verdict): \(scope), \(lagging == 0 ? "none" : Words.count(lagging)) lagging"]
        guard !isOK else { return lines }
        var table = Table([
            .text("finding"), .text("aggregate", shrinksTo: 12), .text("consumer", shrinksTo: 8), .number("version"),
            .number("stream"),
        ])
        for (name, entries) in findings {
            for entry in entries.prefix(20) {
                table.add([
                    .init(name, .bad), .init("\(entry.aggregate)"), .init("\(entry.service)/\(entry.consumer)"),
                    .init("\(entry.version)"), .init("\(entry.streamVersion)"),
                ])
            }
        }
        lines += [""] + table.lines(for: terminal)
        for (name, entries) in findings where entries.count > 20 {
            lines.append("... and \(Words.count(entries.count - 20)) more are \(name); --json lists all.")
        }
        return lines + ["", "Next: `tertib explain TYPE/ID` tells the story of one of them."]
    }
}

extension Audit.Entry {
    fileprivate var document: JSONValue {
        [
            "aggregate": .text(aggregate), "consumer": .text(consumer), "version": .number(version.number),
            "streamVersion": .number(streamVersion.number), "service": .text(service),
        ]
    }
}
