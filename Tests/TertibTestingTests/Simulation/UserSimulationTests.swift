import Synchronization
import Tertib
import TertibCore
import TertibTesting
import Testing

/// What a user writes in a test target of their own.
@Suite("Simulating one's own handlers")
struct UserSimulationTests {
    struct StockAdded: DomainEvent {
        static let eventType = "stock.added"
        var pieces: Int
    }

    struct StockTaken: DomainEvent {
        static let eventType = "stock.taken"
        var pieces: Int
    }

    static let change = "UPDATE stock SET pieces = pieces + ? WHERE id = ?"
    static let statements = [
        change: MemoryStatement { tables, arguments in
            try tables.change("stock", key: [arguments[1]]) { row in
                let pieces = (row?["pieces"]?.integer ?? 0) + (arguments[0].integer ?? 0)
                return ["id": arguments[1], "pieces": .integer(pieces)]
            }
            return .changed(1)
        }
    ]
    static let events: KeyValuePairs<String, [any DomainEvent]> = [
        "stock/1": [StockAdded(pieces: 5), StockTaken(pieces: 2), StockTaken(pieces: 2)],
        "stock/2": [StockAdded(pieces: 3), StockTaken(pieces: 3)],
    ]

    @Test("Handlers that keep to their transaction hold under every schedule")
    func stock() async throws {
        try await simulate(seeds: 0..<20, events: Self.events, statements: Self.statements) { handlers in
            handlers.on(StockAdded.self) { event, transaction in
                try transaction.execute(Self.change, event.payload.pieces, event.aggregate.id)
            }
            handlers.on(StockTaken.self) { event, transaction in
                try transaction.execute(Self.change, -event.payload.pieces, event.aggregate.id)
            }
        } invariant: { state in
            #expect(state.rows("stock").map { $0["pieces"] } == [.integer(1), .integer(0)])
        }
    }

    @Test("A handler with an effect outside of its transaction is caught, and told as a timeline")
    func outsideEffect() async throws {
        let mailbox = Mailbox()
        let failure = await #expect(throws: SimulationFailure.self) {
            try await simulate(seeds: 0..<200, events: Self.events, statements: Self.statements) { handlers in
                handlers.onAnyOther { event, transaction in
                    mailbox.send()
                    try transaction.execute(Self.change, 1, "sent")
                }
            } invariant: { state in
                let sent = mailbox.empty()
                let counted = state.rows("stock").first?["pieces"]?.integer ?? 0
                guard sent == counted else { throw MailsDiffer(sent: sent, counted: counted) }
            }
        }
        let outcome = try #require(failure?.outcome)
        #expect(outcome.violations.first?.oracle == "invariant")
        #expect(failure?.description.contains("run it again with seeds: ") == true)
        #expect(outcome.story.last?.contains("MailsDiffer") == true)
    }

    struct MailsDiffer: Error {
        let sent: Int64
        let counted: Int64
    }

    final class Mailbox: Sendable {
        private let count = Mutex(Int64(0))

        func send() { count.withLock { $0 += 1 } }

        func empty() -> Int64 {
            count.withLock { count in
                defer { count = 0 }
                return count
            }
        }
    }
}
