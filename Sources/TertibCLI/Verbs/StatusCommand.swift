import ArgumentParser
import TertibRuntime
import TertibCore
import TertibTerminal

/// `tertib status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "How far the consumers are, and what waits.",
        discussion: """
            Lag counts events that are still to be delivered or acknowledged. Parked events wait in the database for \
            a version before them, or for their next attempt.

              tertib status --config orders.json
              tertib status --config orders.json --json | jq '.consumers[].lag'
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let status = try await OpenedService.with(common) { try await $0.tertib.status() }
        let console = Console.standard
        if common.output.json {
            console.write(status.document)
        } else {
            for line in status.lines(for: console.output) { console.write(line) }
        }
    }
}

extension Status {
    /// What `--json` prints.
    var document: JSONValue {
        [
            "stream": [
                "name": .text(stream.name), "messages": .number(stream.messages),
                "lastSequence": .number(stream.lastSequence.number),
                "firstSequence": .number(stream.firstSequence.number),
            ],
            "consumers": .array(consumers.map(\.document)),
            "outbox": ["rows": .number(outbox.rows), "oldestSeconds": .seconds(oldestStagedAge)],
        ]
    }

    /// What people see.
    func lines(for terminal: Terminal) -> [String] {
        let range =
            stream.messages == 0
            ? "empty"
            : "\(Words.count(stream.messages, "message")), up to sequence \(Words.count(stream.lastSequence.number))"
        var lines = ["\(TextStyle.bold.apply("Stream \(stream.name)", on: terminal)): \(range)", ""]
        lines += consumers.isEmpty ? ["The configuration has no consumer."] : table.lines(for: terminal)
        if consumers.contains(where: { $0.durable == nil }) {
            lines += ["", "The broker has no JetStream consumer where unacked is a dash: no replica has run yet."]
        }
        let waiting =
            outbox.rows == 0
            ? "empty"
            : "\(Words.count(outbox.rows, "event")) to publish, the oldest since \(Words.duration(orDash: oldestStagedAge))"
        return lines + ["", "\(TextStyle.bold.apply("Outbox", on: terminal)): \(waiting)"]
    }

    /// The consumers, a row each; what is wrong has a column where something is.
    private var table: Table {
        let wrongs: [(title: String, count: (ConsumerSummary) -> Int)] = [
            ("stuck", { $0.stuck }), ("behind", { $0.behind }), ("dead letters", { $0.deadLetters }),
            ("quarantined", { $0.quarantined }),
        ].filter { wrong in consumers.contains { wrong.count($0.summary) > 0 } }
        var table = Table(
            [
                .text("consumer", shrinksTo: 8), .number("lag"), .number("unacked"), .number("aggregates"),
                .number("parked"), .text("oldest", shrinksTo: 6),
            ] + wrongs.map { .number($0.title) })
        for consumer in consumers {
            let summary = consumer.summary
            table.add(
                [
                    .init("\(consumer.name)", .bold), .init(Words.count(consumer.lag)),
                    .init(consumer.durable == nil ? "-" : Words.count(consumer.acknowledgementPending)),
                    .init(Words.count(summary.aggregates)),
                    .init(Words.count(summary.parked), summary.parked > 0 ? .warning : .plain),
                    .init(Words.duration(orDash: consumer.oldestParkedAge)),
                ] + wrongs.map { .init(Words.count($0.count(summary)), $0.count(summary) > 0 ? .bad : .plain) })
        }
        return table
    }
}

extension ConsumerStatus {
    fileprivate var document: JSONValue {
        [
            "name": .text(name), "lag": .number(lag), "acknowledgementPending": .number(acknowledgementPending),
            "aggregates": .number(summary.aggregates), "parked": .number(summary.parked),
            "oldestParkedSeconds": .seconds(oldestParkedAge), "stuck": .number(summary.stuck),
            "behind": .number(summary.behind), "deadLetters": .number(summary.deadLetters),
            "quarantined": .number(summary.quarantined),
        ]
    }
}
