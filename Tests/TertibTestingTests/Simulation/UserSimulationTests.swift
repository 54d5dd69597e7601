import Foundation
import Synchronization
import TertibRuntime
import TertibCore
import Testing

@testable import TertibTesting

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
    static let example: KeyValuePairs<String, [any DomainEvent]> = [
        "stock/1": [StockAdded(pieces: 5), StockTaken(pieces: 2)]
    ]
    static let events: KeyValuePairs<String, [any DomainEvent]> = [
        "stock/1": [StockAdded(pieces: 5), StockTaken(pieces: 2), StockTaken(pieces: 2)],
        "stock/2": [StockAdded(pieces: 3), StockTaken(pieces: 3)],
    ]

    /// The example of the documentation, word by word.
    private func simulateStock(_ statements: [String: MemoryStatement]) async throws {
        let change = Self.change
        try await simulate(
            seeds: 0..<100, events: ["stock/1": [StockAdded(pieces: 5), StockTaken(pieces: 2)]], statements: statements
        ) { handlers in
            handlers.on(StockAdded.self) { event, transaction in
                try transaction.execute(change, event.payload.pieces, event.aggregate.id)
            }
            handlers.on(StockTaken.self) { event, transaction in
                try transaction.execute(change, -event.payload.pieces, event.aggregate.id)
            }
        } invariant: { state in
            try state.require(state.rows("stock").map { $0["pieces"] }, equals: [.integer(3)])
        }
    }

    /// The same handlers and invariant, for a plan.
    private func replayStock(_ plan: SimulationPlan, _ statements: [String: MemoryStatement]) async throws {
        try await simulate(replaying: plan, events: Self.example, statements: statements) { handlers in
            handlers.on(StockAdded.self) { event, transaction in
                try transaction.execute(Self.change, event.payload.pieces, event.aggregate.id)
            }
            handlers.on(StockTaken.self) { event, transaction in
                try transaction.execute(Self.change, -event.payload.pieces, event.aggregate.id)
            }
        } invariant: { state in
            try state.require(state.rows("stock").map { $0["pieces"] }, equals: [.integer(3)])
        }
    }

    /// An update that forgets what was there.
    static let broken = [
        change: MemoryStatement { tables, arguments in
            try tables.change("stock", key: [arguments[1]]) { _ in ["id": arguments[1], "pieces": arguments[0]] }
            return .changed(1)
        }
    ]

    @Test("Handlers that keep to their transaction hold under every schedule")
    func stock() async throws {
        try await simulateStock(Self.statements)
        try await simulate(seeds: 0..<20, events: Self.events, statements: Self.statements) { handlers in
            handlers.on(StockAdded.self) { event, transaction in
                try transaction.execute(Self.change, event.payload.pieces, event.aggregate.id)
            }
            handlers.on(StockTaken.self) { event, transaction in
                try transaction.execute(Self.change, -event.payload.pieces, event.aggregate.id)
            }
        } invariant: { state in
            try state.require(state.rows("stock").map { $0["pieces"] }, equals: [.integer(1), .integer(0)])
        }
    }

    @Test("The example fails with its seed, the smallest run as a timeline, and a plan that replays as a test")
    func failingExample() async throws {
        let failure = try #require(
            await #expect(throws: SimulationFailure.self) { try await simulateStock(Self.broken) })
        #expect(failure.seed == 0 && failure.schedules == 1)
        let text = failure.description
        let start = "seed 0: invariant: [Optional(TertibRuntime.SQLValue.integer(-2))] is not [Opt"
        #expect(text.hasPrefix(start), "\(text)")
        #expect(text.contains("stores stock/1@2"))
        #expect(text.contains("run it again with seeds: 0..<1\n"))
        #expect(failure.plan.disturbances == [] && failure.plan.events.count == 2, "it was made smaller")

        // What the message says is pasted, and fails in the same way; with the fault mended it passes.
        let call = try #require(text.split(separator: "\n").last)
        let (begin, end) = ("try await simulate(replaying: SimulationPlan(json: #\"", "\"#), ...)")
        #expect(call.hasPrefix(begin) && call.hasSuffix(end))
        let saved = String(call.dropFirst(begin.count).dropLast(end.count))
        let plan = try SimulationPlan(json: saved)
        #expect(plan == failure.plan)
        let again = try #require(
            await #expect(throws: SimulationFailure.self) { try await replayStock(plan, Self.broken) })
        #expect(again.outcome.traceHash == failure.outcome.traceHash)
        #expect(again.outcome.violations == failure.outcome.violations)
        #expect(again.description.hasPrefix("the plan of seed 0: invariant: "))
        try await replayStock(plan, Self.statements)
    }

    @Test("A plan that does not fit the histories is refused")
    func unfitting() async throws {
        var plan = SimulationPlan(SimulationOptions(plain: 1))
        plan.events = [SimulationPlan.Event(at: 0, aggregate: "stock/1", version: 3)]
        await #expect(
            throws: SimulationPlanError(
                field: "events[0]", reason: "is stock/1@3, and the histories have only 2 of its events")
        ) { try await replayStock(plan, Self.statements) }
        plan.events[0].aggregate = "stock/7"
        await #expect(
            throws: SimulationPlanError(
                field: "events[0]", reason: "is stock/7@3, and the histories have no such aggregate")
        ) { try await replayStock(plan, Self.statements) }
    }

    @Test("The documentation shows what is compiled and run here")
    func documentation() throws {
        let source = try Self.file(#filePath)
        let start = try #require(source.firstRange(of: "        try await simulate(\n            seeds: 0..<100"))
        let end = try #require(source[start.lowerBound...].firstRange(of: "\n        }\n    }\n"))
        let lines =
            source[start.lowerBound..<end.lowerBound].split(separator: "\n").map { String($0.dropFirst(8)) } + ["}"]
        let root = String(try #require(#filePath.components(separatedBy: "/Tests/TertibTestingTests/").first))
        #expect(lines.count == 12)
        #expect(try Self.file(root + "/docs/testing.md").contains(lines.joined(separator: "\n")))
        #expect(
            try Self.file(root + "/Sources/TertibTesting/Simulation/Simulate.swift")
                .contains(lines.map { "/// " + $0 }.joined(separator: "\n")))
    }

    private static func file(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    }

    @Test("A handler that throws by itself is blamed itself, and no other event is")
    func throwing() async throws {
        try await simulate(seeds: 0..<30, events: Self.events, statements: Self.statements) { options in
            options.failing = 0
        } handlers: { handlers in
            handlers.on(StockAdded.self) { event, transaction in
                try transaction.execute(Self.change, event.payload.pieces, event.aggregate.id)
            }
            handlers.on(StockTaken.self) { event, transaction in
                guard event.aggregate.id.text != "1" else { throw MailsDiffer(sent: 0, counted: 0) }
                try transaction.execute(Self.change, -event.payload.pieces, event.aggregate.id)
            }
        } invariant: { state in
            try state.require(state.rows("stock").map { $0["pieces"] }, equals: [.integer(5), .integer(0)])
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
