import ShopService
import TertibRuntime
import TertibCore

/// The owner's events: the same for every cell of a seed and a profile.
struct ExperimentLoad: Sendable {
    /// The aggregate type.
    static let type = "item"
    /// Versions of each aggregate.
    static let length: Int64 = 20

    /// One event.
    struct Item: Hashable, Sendable {
        let id: String
        let version: Int64
        let amount: Int
    }

    /// The events as they happen: every aggregate's in version order.
    let history: [Item]
    /// What is published, in this order.
    let published: [Item]

    /// - Parameter events: about so many; a multiple of the length of an aggregate's history.
    init(seed: UInt64, events: Int, profile: FaultProfile) {
        let aggregates = max(1, events / Int(Self.length))
        var random = SeededGenerator(seed: seed, topic: "experiment")
        var versions = [Int64](repeating: 0, count: aggregates)
        var open = Array(0..<aggregates)
        var history: [Item] = []
        while !open.isEmpty {
            let place = Int.random(in: 0..<open.count, using: &random)
            let number = open[place]
            versions[number] += 1
            history.append(
                Item(id: "\(number)", version: versions[number], amount: .random(in: 1...1_000_000, using: &random)))
            if versions[number] == Self.length { open.remove(at: place) }
        }
        self.history = history
        var faults = SeededGenerator(seed: seed, topic: profile.rawValue)
        var placed: [(position: Double, item: Item)] = []
        for (index, item) in history.enumerated() {
            placed.append((Double(index) + faults.fraction() * profile.window, item))
            if profile == .duplicates, Int.random(in: 0..<20, using: &faults) == 0 {
                placed.append((Double(index) + faults.fraction() * 64, item))
            }
        }
        published = placed.sorted { $0.position < $1.position }.map(\.item)
    }

    /// The owner's rows in the end: the amount of every aggregate's last version.
    var owner: [String: Int] {
        Dictionary(history.map { ($0.id, $0.amount) }, uniquingKeysWith: { $1 })
    }
}

extension ExperimentLoad.Item {
    /// The event as a foreign publisher writes it.
    func message(_ codec: WireCodec) throws -> WireMessage {
        guard let version = AggregateVersion(version) else { preconditionFailure("versions are counted from 1") }
        return codec.encode(
            Envelope(
                id: try EventID("item-\(id)-\(version)"), source: try EventSource("/owner"),
                type: try EventType(Moved.eventType), aggregate: try Aggregate(lab: ExperimentLoad.type, id),
                version: version, body: try Moved(amount: amount).json))
    }
}
