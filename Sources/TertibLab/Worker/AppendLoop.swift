import ServiceLifecycle
import ShopService
import TertibRuntime
import TertibCore

/// Appends events, in races with the other replicas about the same few aggregates.
struct AppendLoop: Service {
    let tertib: EventBus
    let seed: UInt64
    let total: Int
    let rate: Int

    /// The aggregate type.
    static let type = "appended"

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var next = ContinuousClock.now
            while !Task.isCancelled {
                next = max(next + .seconds(1.0 / Double(rate)), .now - .seconds(1))
                do {
                    try await Task.sleep(until: next, clock: .continuous)
                    guard let number = try await takeNumber() else { break }
                    try await append(number)
                } catch {
                    // The broker or the database is away, a race was lost too often, or the end has come: this number
                    // is not appended, or perhaps it is. The stream is the truth, nobody else counts them.
                    continue
                }
            }
            // Done: the service group ends when its services do, so this one waits for the end.
            try? await gracefulShutdown()
        }
    }

    private func takeNumber() async throws -> Int? {
        let total = total
        return try await tertib.transaction { transaction in
            try transaction.execute(
                "INSERT INTO load_progress (name, done) VALUES (?, 0) ON CONFLICT (name) DO NOTHING", Self.type)
            let rows = try transaction.query("SELECT done FROM load_progress WHERE name = ?", Self.type)
            let done = Int(rows.first?["done"].integer ?? 0)
            guard done < total else { return nil }
            try transaction.execute("UPDATE load_progress SET done = done + 1 WHERE name = ?", Self.type)
            return done
        }
    }

    private func append(_ number: Int) async throws {
        var random = SeededGenerator(seed: seed, topic: Self.type, item: number)
        let id = "\(number / 1500)-\(Int.random(in: 0..<12, using: &random))"
        _ = try await tertib.append(
            Moved(amount: .random(in: 1...1000, using: &random), number: number + 1),
            to: Aggregate(lab: Self.type, id), expecting: nil)
    }
}
