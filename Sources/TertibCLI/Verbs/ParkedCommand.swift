import ArgumentParser
import TertibRuntime
import TertibCore
import TertibTerminal

/// Which rows a listing shows.
struct ListingOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Only this consumer.", valueName: "name"))
    var consumer: String?

    @Option(
        name: .long, parsing: .unconditional, help: ArgumentHelp("Only this aggregate.", valueName: "type/id"))
    var aggregate: String?

    @Option(name: .long, help: ArgumentHelp("At most so many rows a consumer.", valueName: "n"))
    var limit = 1000

    func validate() throws {
        guard (1...1_000_000).contains(limit) else { throw ValidationError("--limit is a number from 1 to 1000000") }
    }

    /// The consumers to list, by name.
    func consumers(of tertib: EventBus) throws -> [ConsumerName] {
        let known = tertib.options.consumers.keys.sorted()
        guard let consumer else { return known }
        let name = try ConsumerName(consumer)
        guard known.contains(name) else { throw Failure(unknownConsumer: name, known: known) }
        return [name]
    }

    /// The aggregate to list, if only one is asked for.
    func onlyAggregate() throws -> Aggregate? { try aggregate.map { try Aggregate(parsing: $0) } }
}

extension Failure {
    /// There is no consumer of that name.
    init(unknownConsumer name: ConsumerName, known: [ConsumerName]) {
        self.init(
            status: .unusable, code: "unknown-consumer", what: "there is no consumer \(name)",
            why: "the configuration has \(known.map(\.text).joined(separator: ", "))",
            next: "Name one of them, or add it to \"consumers\".")
    }
}

/// `tertib parked`
struct ParkedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parked", abstract: "Events that wait in the database, oldest first.",
        discussion: """
            An event waits because a version before it is missing (gap), because its handler failed and is tried \
            again (retry), because it stands behind an event that failed (behindFailure), or because its schema \
            revision is newer than the code (newerRevision).

              tertib parked --config orders.json
              tertib parked --config orders.json --aggregate product/42 --json
            """)

    @OptionGroup var listing: ListingOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let aggregate = try listing.onlyAggregate()
        let (rows, now) = try await OpenedService.with(common) { service in
            let consumers = try listing.consumers(of: service.tertib)
            let limit = listing.limit
            return try await service.tertib.store.read { reader in
                (
                    try consumers.flatMap { consumer in
                        try reader.parkedRows(consumer, of: aggregate, limit: limit).map { (consumer, $0) }
                    }, try reader.now()
                )
            }
        }
        let console = Console.standard
        if common.output.json {
            console.write(.array(rows.map { $0.1.document(of: $0.0, at: now) }))
        } else if rows.isEmpty {
            console.write("Nothing is parked.")
        } else {
            console.write(Self.table(rows, at: now))
        }
    }

    private static func table(_ rows: [(ConsumerName, ParkedEvent)], at now: Timestamp) -> Table {
        var table = Table([
            .text("consumer", shrinksTo: 8), .text("aggregate", shrinksTo: 12), .number("version"), .text("reason"),
            .text("age"), .number("attempts"), .text("next attempt", shrinksTo: 6), .text("error", shrinksTo: 10),
        ])
        for (consumer, row) in rows {
            table.add([
                .init("\(consumer)"), .init("\(row.aggregate)"), .init("\(row.version)"),
                .init(row.reason.rawValue, row.reason == .gap ? .warning : .bad),
                .init(Words.duration(max(.zero, now.since(row.parkedAt)))), .init("\(row.attempts)"),
                .init(row.nextAttemptAt.map { $0 <= now ? "due" : "in \(Words.duration($0.since(now)))" } ?? "-"),
                .init(row.error ?? "-"),
            ])
        }
        return table
    }
}

extension ParkedEvent {
    /// What `--json` prints of a parked event.
    func document(of consumer: ConsumerName, at now: Timestamp) -> JSONValue {
        [
            "consumer": .text(consumer), "aggregate": .text(aggregate), "version": .number(version.number),
            "eventId": .text(eventID), "reason": .string(reason.rawValue),
            "ageSeconds": .seconds(max(.zero, now.since(parkedAt))), "attempts": .number(attempts),
            "nextAttempt": .text(nextAttemptAt), "error": .text(error),
        ]
    }
}
