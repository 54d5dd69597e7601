import TertibRuntime
import TertibCore
import TertibPostgres
import Testing

/// Two replicas on the real server, in every order in which their steps can follow one another.
@Suite("Whatever the order of two replicas' steps")
struct InterleavingTests {
    /// What the replicas hold: versions of one aggregate, and how far it was applied before.
    struct Situation: CustomTestStringConvertible, Sendable {
        let applied: Int64
        let parked: [Int64]
        let first: [Int64]
        let second: [Int64]

        var testDescription: String { "applied \(applied), parked \(parked), \(first) against \(second)" }
    }

    static let situations = [
        Situation(applied: 0, parked: [], first: [1], second: [2]),
        Situation(applied: 0, parked: [], first: [1, 3], second: [2]),
        Situation(applied: 1, parked: [], first: [2], second: [3]),
        Situation(applied: 1, parked: [], first: [2, 4], second: [3, 5]),
        Situation(applied: 1, parked: [3], first: [2], second: [4]),
        Situation(applied: 1, parked: [4], first: [2, 3], second: [3]),
        Situation(applied: 1, parked: [3, 4], first: [2], second: [2]),
    ]

    @Test(
        "Each version takes effect once and in order, and nothing is forgotten, whatever the order of two replicas' steps",
        arguments: situations)
    func claimParkDrain(situation: Situation) async throws {
        try await withDatabase { _, store in
            try await store.transaction { transaction in
                _ = try transaction.execute(
                    "CREATE TABLE effect (aggregate text, version bigint, PRIMARY KEY (aggregate, version))",
                    arguments: [])
            }
            let orders = Interleaving.orders(SmallReplica.stepCount, SmallReplica.stepCount)
            try await Interleaving.each(orders) { index, order in
                let aggregate = Aggregate(type: try AggregateType("product"), id: try AggregateID("\(index)"))
                try await prepare(aggregate, situation, in: store)
                let replicas = [situation.first, situation.second].map { SmallReplica(aggregate, holding: $0) }
                let sessions = replicas.map { SteppedSession(store, $0.steps) }
                try await Interleaving.run(sessions, order: order, watching: store)
                try await expectSound(aggregate, in: store, order)
                // What was lost is delivered again; then everything has arrived.
                for replica in replicas {
                    let again = SmallReplica(aggregate, holding: replica.held)
                    try await store.transaction { transaction in for step in again.steps { try step(transaction) } }
                }
                let state = try await expectSound(aggregate, in: store, order)
                let versions = Set(situation.parked + situation.first + situation.second)
                #expect(state.watermark == versions.max(), "after \(order)")
                #expect(state.parked.isEmpty, "after \(order)")
            }
        }
    }

    @Test(
        "A version that is staged while the one before it is marked is found by a relay, whatever the order of the steps"
    )
    func stageAgainstMark() async throws {
        try await withDatabase { _, store in
            for (index, order) in Interleaving.orders(4, 2).enumerated() {
                let aggregate = Aggregate(type: try AggregateType("order"), id: try AggregateID("\(index)"))
                try await store.transaction { try Stage(aggregate).all($0) }
                let claims = try await store.transaction { transaction in
                    try transaction.claimOutbox(now: try transaction.now(), lease: .seconds(60), limit: 10)
                }
                let claim = try #require(claims.first { $0.row.aggregate == aggregate })
                let staging = Stage(aggregate)
                let marking: [SteppedSession.Step] = [
                    { transaction in
                        try transaction.markPublished(claim.row, at: StreamSequence(7), now: try transaction.now())
                        // What is marked is collected; a question makes the transaction write it now.
                        _ = try transaction.parkedCount(try ConsumerName("orders"))
                    }
                ]
                let sessions = [SteppedSession(store, staging.steps), SteppedSession(store, marking)]
                try await Interleaving.run(sessions, order: order, watching: store)
                #expect(sessions.map(\.outcome) == [.committed, .committed], "\(order)")
                let next = try await store.transaction { transaction in
                    try transaction.claimOutbox(now: try transaction.now(), lease: .seconds(60), limit: 10)
                }
                #expect(next.map(\.row.version.number) == [2], "after \(order)")
                #expect(next.first?.head.publishedVersion == .first, "after \(order)")
                #expect(next.first?.head.streamSequence == StreamSequence(7), "after \(order)")
            }
        }
    }

    @Test("Two relays never take the same row, and leave none that is free, whatever the order of their steps")
    func relays() async throws {
        try await withDatabase { _, store in
            for order in Interleaving.orders(3, 3) {
                for id in 1...2 {
                    let aggregate = Aggregate(type: try AggregateType("order"), id: try AggregateID("\(id)"))
                    try await store.transaction { try Stage(aggregate).all($0) }
                }
                let taken = Recorded<OutboxRow>()
                let take: SteppedSession.Step = { transaction in
                    let claims = try transaction.claimOutbox(now: try transaction.now(), lease: .seconds(60), limit: 1)
                    for claim in claims { taken.add(claim.row) }
                }
                let sessions = (0..<2).map { _ in SteppedSession(store, [take, { _ in }]) }
                try await Interleaving.run(sessions, order: order, watching: store)
                #expect(Set(taken.all.map(\.position)).count == 2, "after \(order)")
                let rows = taken.all
                try await store.transaction { transaction in
                    for row in rows {
                        try transaction.markPublished(row, at: StreamSequence(1), now: try transaction.now())
                    }
                }
            }
        }
    }

    private func prepare(_ aggregate: Aggregate, _ situation: Situation, in store: PostgresStore) async throws {
        for version in stride(from: Int64(1), through: situation.applied, by: 1) {
            let replica = SmallReplica(aggregate, holding: [version])
            try await store.transaction { transaction in for step in replica.steps { try step(transaction) } }
        }
        guard !situation.parked.isEmpty else { return }
        let replica = SmallReplica(aggregate, holding: situation.parked)
        try await store.transaction { transaction in for step in replica.steps { try step(transaction) } }
    }

    /// What must hold in every committed state.
    @discardableResult
    private func expectSound(
        _ aggregate: Aggregate, in store: PostgresStore, _ order: [Bool]
    ) async throws -> AggregateState {
        let state = try await state(of: aggregate, in: store)
        #expect(state.effects == Array(1...max(1, state.watermark)).filter { $0 <= state.watermark }, "after \(order)")
        #expect(!state.parked.contains { $0 <= state.watermark + 1 }, "a missed drain after \(order)")
        #expect(state.parkedCount == state.parked.count, "after \(order)")
        return state
    }

    private struct AggregateState {
        var watermark: Int64 = 0
        var parkedCount = 0
        var parked: [Int64] = []
        var effects: [Int64] = []
    }

    private func state(of aggregate: Aggregate, in store: PostgresStore) async throws -> AggregateState {
        try await store.read { reader in
            let consumer = try ConsumerName("orders")
            let watermark = try reader.watermark(consumer, of: aggregate)
            let effects = try reader.query(
                "SELECT version FROM effect WHERE aggregate = ? ORDER BY version",
                arguments: [.text(aggregate.id.text)])
            return AggregateState(
                watermark: watermark?.version.number ?? 0, parkedCount: watermark?.parked ?? 0,
                parked: try reader.parkedRows(consumer, of: aggregate, limit: 100).map(\.version.number),
                effects: effects.compactMap { $0["version"].integer })
        }
    }
}
