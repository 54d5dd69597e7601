import ShopService
import TertibRuntime
import TertibCore

/// The events that the replicas stage: all of them together play each number once.
struct StagedLoad {
    let seed: UInt64
    let total: Int

    /// The aggregate type.
    static let type = "staged"

    /// The loop of one replica.
    func loop(_ tertib: EventBus, rate: Int) -> LoadLoop {
        let seed = seed
        return LoadLoop(tertib: tertib, name: Self.type, total: total, rate: rate) { number, transaction in
            var random = SeededGenerator(seed: seed, topic: Self.type, item: number)
            // Aggregates come and go, so that none grows for ever.
            let id = "\(number / 3000)-\(Int.random(in: 0..<60, using: &random))"
            let version = try transaction.stage(
                Moved(amount: .random(in: 1...1000, using: &random), number: number + 1),
                for: Aggregate(lab: Self.type, id))
            try transaction.execute(
                "INSERT INTO lab_staged (number, aggregate_type, aggregate_id, version) VALUES (?, ?, ?, ?)",
                number + 1, Self.type, id, version.number)
        }
    }
}
