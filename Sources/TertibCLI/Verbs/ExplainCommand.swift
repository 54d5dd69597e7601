import ArgumentParser
import TertibRuntime
import TertibCore
import TertibTerminal

/// `tertib explain`
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "The story of one aggregate: what arrived, what was applied, what waits, why.",
        discussion: """
              tertib explain product/42 --config orders.json
              tertib explain 'file/Sources/main.swift' --config history.json --json
            """)

    @Argument(help: ArgumentHelp("The aggregate, raw, split at the first slash.", valueName: "type/id"))
    var aggregate: String

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let aggregate = try Aggregate(parsing: aggregate)
        let explanation = try await OpenedService.with(common) { try await $0.tertib.explain(aggregate) }
        let console = Console.standard
        if common.output.json {
            console.write(explanation.document)
        } else {
            for line in explanation.lines(for: console.output) { console.write(line) }
        }
    }
}

extension Explanation {
    /// What `--json` prints.
    var document: JSONValue {
        [
            "aggregate": .text(aggregate),
            "stream": [
                "lastVersion": .number(stream.lastVersion.number),
                "lastSequence": .number(stream.lastSequence.number),
            ],
            "consumers": .array(consumers.map { $0.document(at: readAt) }),
            "outbox": .array(
                outbox.map { row in
                    [
                        "version": .number(row.version.number), "eventId": .text(row.eventID),
                        "ageSeconds": .seconds(max(.zero, readAt.since(row.stagedAt))),
                    ]
                }),
            "story": .array(story.map(JSONValue.string)),
        ]
    }

    /// What people see.
    func lines(for terminal: Terminal) -> [String] {
        var lines = [TextStyle.bold.apply(SafeText.escaped("\(aggregate)"), on: terminal), ""]
        lines += story.flatMap { Paragraph.lines(SafeText.escaped($0), width: terminal.width, bullet: "- ") }
        var table = Table([
            .text("consumer", shrinksTo: 8), .number("applied"), .text("status"), .number("parked"),
            .number("dead letters"), .text("event", shrinksTo: 8),
        ])
        for consumer in consumers {
            let status = consumer.watermark?.status ?? .ok
            table.add([
                .init("\(consumer.name)"), .init("\(consumer.watermark?.version ?? .none)"),
                .init(status.rawValue, status == .ok ? .good : .bad), .init(Words.count(consumer.parked.count)),
                .init(Words.count(consumer.deadLetters.count)), .init(consumer.watermark?.eventID?.text ?? "-"),
            ])
        }
        if !consumers.isEmpty { lines += [""] + table.lines(for: terminal) }
        return lines
    }
}

extension Explanation.ConsumerPart {
    fileprivate func document(at now: Timestamp) -> JSONValue {
        [
            "name": .text(name), "version": .number(watermark?.version.number ?? 0),
            "eventId": .text(watermark?.eventID),
            "streamSequence": .number(
                watermark.flatMap { $0.streamSequence == .none ? nil : $0.streamSequence.number }),
            "status": .string((watermark?.status ?? .ok).rawValue),
            "parked": .array(
                parked.map { row in
                    [
                        "version": .number(row.version.number), "reason": .string(row.reason.rawValue),
                        "ageSeconds": .seconds(max(.zero, now.since(row.parkedAt))),
                        "attempts": .number(row.attempts), "nextAttempt": .text(row.nextAttemptAt),
                        "error": .text(row.error),
                    ]
                }),
            "deadLetters": .array(deadLetters.map { $0.document(of: name) }),
        ]
    }
}
