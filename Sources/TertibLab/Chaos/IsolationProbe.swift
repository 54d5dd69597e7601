import ShopService
import TertibRuntime
import TertibCore

/// Measures what poison costs the others: how long ordinary events take, without and with poisoned aggregates among
/// them, when nothing else goes wrong.
struct IsolationProbe: Sendable {
    /// What was measured.
    struct Finding: Hashable, Sendable {
        var secondsWithout = 0.0
        var secondsWith = 0.0
        var poisonedAggregates = 0
    }

    let tertib: EventBus
    let brokerPort: Int
    let seed: UInt64

    private static let (aggregates, versions) = (20, Int64(20))
    private static let poisoned = 10
    private static let patience: Duration = .seconds(60)

    /// Measures.
    func run() async throws -> Finding {
        var finding = Finding()
        finding.secondsWithout = try await seconds(of: "calm", among: [])
        var random = SeededGenerator(seed: seed, topic: "isolation")
        let poison = (1...Self.poisoned).flatMap { ForeignLoad.poison("late-\($0)", &random) }
        finding.secondsWith = try await seconds(of: "poisoned", among: poison)
        finding.poisonedAggregates = Self.poisoned
        return finding
    }

    private func seconds(of name: String, among others: [ForeignLoad.Message]) async throws -> Double {
        let codec = WireCodec(namespace: tertib.options.namespace)
        var random = SeededGenerator(seed: seed, topic: name)
        var messages = others
        for version in 1...Self.versions {
            for number in 0..<Self.aggregates {
                messages.append(
                    ForeignLoad.Message(
                        type: ForeignLoad.type, id: "\(name)-\(number)", version: version,
                        payload: Moved(amount: .random(in: 1...1000, using: &random)), isDuplicate: false))
            }
        }
        var publisher = PlainPublisher(to: brokerPort)
        let start = ContinuousClock.now
        try await publisher.store(messages.map { try codec.encode($0) })
        while try await applied(name) < Self.aggregates, ContinuousClock.now < start + Self.patience {
            try await Task.sleep(for: .milliseconds(20))
        }
        return ((ContinuousClock.now - start) / .milliseconds(10)).rounded() / 100
    }

    /// How many aggregates are at their last version.
    private func applied(_ name: String) async throws -> Int {
        try await tertib.store.read { reader in
            Int(
                try reader.query(
                    "SELECT COUNT(*) AS number FROM tertib_watermark WHERE consumer = ? AND aggregate_type = ? "
                        + "AND version = ? AND aggregate_id LIKE ?",
                    arguments: [
                        .text(LabNames.consumer), .text(ForeignLoad.type), .integer(Self.versions), .text("\(name)-%"),
                    ]
                ).first?.number("number") ?? 0)
        }
    }
}
