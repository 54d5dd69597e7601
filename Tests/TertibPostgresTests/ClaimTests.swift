import TertibRuntime
import TertibCore
import TertibPostgres
import TertibTesting
import Testing

/// What a neighbour holds, however long, stalls nobody.
@Suite("A claim beside another replica with a slow handler")
struct ClaimTests {
    @Test("A claim beside a slow handler of another replica loses the existing rows that are held, and wins the others")
    func existing() async throws {
        try await withDatabase { _, store in
            let rows = try await claim(try fresh(1...40), in: store)
            let won = try await claimBeside(Array(rows[10..<20]), rows, in: store)
            #expect(won.map(\.aggregate) == (rows[..<10] + rows[20...]).map(\.aggregate))
        }
    }

    @Test(
        "A claim beside a slow handler of another replica loses the new rows that are being inserted, and wins the others",
        arguments: [[7], [0], [39], [3, 31]])
    func new(held: [Int]) async throws {
        try await withDatabase { _, store in
            let rows = try fresh(1...40)
            let won = try await claimBeside(held.map { rows[$0] }, rows, in: store)
            let free = rows.indices.filter { !held.contains($0) }.map { rows[$0].aggregate }
            #expect(won.map(\.aggregate) == free)
        }
    }

    @Test(
        "A claim beside a slow handler of another replica gives up in the end when too many rows are held, and loses nothing that it did not win"
    )
    func many() async throws {
        try await withDatabase { _, store in
            let rows = try fresh(1...64)
            let won = try await claimBeside(
                rows.enumerated().filter { $0.offset % 2 == 0 }.map(\.element), rows, in: store)
            let later = try await claim(rows, in: store)
            #expect(Set(won.map(\.aggregate)).isDisjoint(with: later.map(\.aggregate)))
        }
    }

    @Test("Two claims of the same rows in the opposite order of creation never deadlock")
    func crossing() async throws {
        try await withDatabase(settings: ["deadlock_timeout": "10ms"]) { _, store in
            let rows = try fresh(1...200)
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<4 {
                    let mine = index % 2 == 0 ? rows : rows.reversed()
                    group.addTask { try await claim(mine, in: store).count }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let stored = try await store.read { reader in
                try reader.summary(try ConsumerName("orders"), stuckBefore: try reader.now()).aggregates
            }
            #expect(counts.reduce(0, +) == stored)
        }
    }

    private func fresh(_ numbers: ClosedRange<Int>) throws -> [Watermark] {
        try numbers.map { Watermark(aggregate: try Aggregate(parsing: "product/\($0)")) }
            .sorted { $0.aggregate < $1.aggregate }
    }

    /// The rows won, in byte order.
    private func claim(_ rows: [Watermark], in store: PostgresStore) async throws -> [Watermark] {
        try await store.transaction { transaction in
            try transaction.claim(try ConsumerName("orders"), rows).values.sorted { $0.aggregate < $1.aggregate }
        }
    }

    /// Claims `rows` while a neighbour's transaction that has claimed `held` stays open.
    private func claimBeside(
        _ held: [Watermark], _ rows: [Watermark], in store: PostgresStore
    ) async throws -> [Watermark] {
        let (isHeld, mayEnd) = (Gate(), Gate())
        async let holding: Void = store.transaction { transaction in
            _ = try transaction.claim(try ConsumerName("orders"), held)
            isHeld.open()
            try mayEnd.waitOnThread(for: "the other claim")
        }
        try await isHeld.wait(for: "the neighbour's claim")
        let won = try await claim(rows, in: store)
        mayEnd.open()
        try await holding
        return won
    }
}
