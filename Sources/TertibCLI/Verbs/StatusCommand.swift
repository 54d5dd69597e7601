import ArgumentParser
import Tertib
import TertibCore

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
        .object([
            "stream": .object([
                "name": .text(stream.name), "messages": .number(stream.messages),
                "lastSequence": .number(stream.lastSequence.number),
                "firstSequence": .number(stream.firstSequence.number),
            ]),
            "consumers": .array(consumers.map(\.document)),
            "outbox": .object(["rows": .number(outbox.rows), "oldestSeconds": .seconds(oldestStagedAge)]),
        ])
    }

    /// What people see.
    func lines(for terminal: Terminal) -> [String] {
        let range =
            stream.messages == 0
            ? "empty"
            : "\(Words.count(stream.messages, "message")), up to sequence \(Words.count(stream.lastSequence.number))"
        var lines = ["\(TextStyle.bold.apply("Stream \(stream.name)", on: terminal)): \(range)", ""]
        var table = Table([
            .text("consumer", shrinksTo: 8), .number("lag"), .number("unacked"), .number("aggregates"),
            .number("parked"), .text("oldest parked", shrinksTo: 6), .number("stuck"), .number("behind"),
            .number("dead letters"), .number("quarantined"),
        ])
        for consumer in consumers { table.add(consumer.cells) }
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
}

extension ConsumerStatus {
    fileprivate var document: JSONValue {
        .object([
            "name": .text(name), "lag": .number(lag), "acknowledgementPending": .number(acknowledgementPending),
            "aggregates": .number(summary.aggregates), "parked": .number(summary.parked),
            "oldestParkedSeconds": .seconds(oldestParkedAge), "stuck": .number(summary.stuck),
            "behind": .number(summary.behind), "deadLetters": .number(summary.deadLetters),
            "quarantined": .number(summary.quarantined),
        ])
    }

    fileprivate var cells: [Table.Cell] {
        func alarming(_ number: Int, _ style: TextStyle) -> Table.Cell {
            Table.Cell(Words.count(number), number > 0 ? style : .plain)
        }
        return [
            Table.Cell("\(name)", .bold), Table.Cell(Words.count(lag)),
            Table.Cell(durable == nil ? "-" : Words.count(acknowledgementPending)),
            Table.Cell(Words.count(summary.aggregates)), alarming(summary.parked, .warning),
            Table.Cell(Words.duration(orDash: oldestParkedAge)), alarming(summary.stuck, .bad),
            alarming(summary.behind, .bad), alarming(summary.deadLetters, .bad), alarming(summary.quarantined, .bad),
        ]
    }
}
