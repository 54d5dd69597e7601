import ArgumentParser
import TertibRuntime
import TertibCore
import TertibTerminal

/// `tertib dead-letters`
struct DeadLettersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "Events that failed for good, and messages that are no events.",
        subcommands: [List.self], defaultSubcommand: List.self)

    /// `tertib dead-letters list`
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "The open dead letters, newest first.",
            discussion: """
                A dead letter that has a version keeps its aggregate quarantined: later events wait behind it. \
                Other aggregates go on.

                  tertib dead-letters list --config orders.json
                  tertib dead-letters list --config orders.json --json \\
                      | jq -r '.[].reason' | sort | uniq -c
                """)

        @OptionGroup var listing: ListingOptions
        @OptionGroup var common: CommonOptions

        func run() async throws {
            let aggregate = try listing.onlyAggregate()
            let letters = try await OpenedService.with(common) { service in
                let consumers = try listing.consumers(of: service.tertib)
                let limit = listing.limit
                return try await service.tertib.store.read { reader in
                    try consumers.flatMap { consumer in
                        try reader.deadLetters(consumer, of: aggregate, limit: limit).map { (consumer, $0) }
                    }
                }
            }
            let console = Console.standard
            if common.output.json {
                console.write(.array(letters.map { $0.1.document(of: $0.0) }))
            } else if letters.isEmpty {
                console.write("There are no dead letters.")
            } else {
                console.write(Self.table(letters))
            }
        }

        private static func table(_ letters: [(ConsumerName, DeadLetter)]) -> Table {
            var table = Table([
                .text("id", shrinksTo: 8), .text("consumer", shrinksTo: 8), .text("aggregate", shrinksTo: 12),
                .number("version"), .text("reason"), .number("attempts"), .text("first failed", shrinksTo: 16),
                .text("error", shrinksTo: 16),
            ])
            for (consumer, letter) in letters {
                table.add([
                    .init(letter.id, .faint), .init("\(consumer)"),
                    .init(letter.aggregate.map { "\($0)" } ?? letter.subject),
                    .init(letter.version.map { "\($0)" } ?? "-"), .init(letter.reason.rawValue, .bad),
                    .init("\(letter.attempts)"), .init("\(letter.firstFailedAt)"), .init(letter.error),
                ])
            }
            return table
        }
    }
}

extension DeadLetter {
    /// What `--json` prints of a dead letter. Its bytes stay in the database.
    func document(of consumer: ConsumerName) -> JSONValue {
        [
            "id": .string(id), "consumer": .text(consumer), "aggregate": .text(aggregate),
            "version": .number(version?.number), "reason": .string(reason.rawValue), "error": .string(error),
            "attempts": .number(attempts), "firstFailedAt": .text(firstFailedAt), "eventId": .text(eventID),
            "streamSequence": .number(streamSequence.number), "subject": .string(subject),
        ]
    }
}
