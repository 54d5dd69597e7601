import TertibCore
import ShopService

/// The events of a foreign publisher, block by block: every aggregate's versions are there without a hole, in seeded
/// disorder, with duplicates, some of them far behind their originals.
///
/// Whatever the length of the run, only one block is in memory, and the aggregates that still grow.
struct ForeignLoad {
    /// The aggregate type of the ordinary ones.
    static let type = "foreign"
    /// The aggregate type of those with an event that can never be applied.
    static let poisonType = "poison"
    /// The aggregate type of those with two events of one version.
    static let forkType = "forked"
    /// The version that is there twice, the last one: with each version in any order, no other pair can be told apart
    /// from a copy by versions alone.
    static let forkVersion: Int64 = 3
    /// The aggregate type of those whose history is removed from the stream.
    static let trimmedType = "trimmed"
    /// All types of a foreign publisher's.
    static let types = [type, poisonType, forkType, trimmedType]
    /// The version that is poison.
    static let poisonVersion: Int64 = 4

    /// One message.
    struct Message: Hashable, Sendable {
        let type: String
        let id: String
        let version: Int64
        let payload: Moved
        let isDuplicate: Bool
        /// Another number is another event of the same version.
        var writer = 1

        /// The event's id: the same for every copy.
        var eventID: String {
            let name = id.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
            return "\(type)-\(name)-\(version)" + (writer == 1 ? "" : "-by-\(writer)")
        }

        /// The same once more.
        var copy: Message {
            Message(type: type, id: id, version: version, payload: payload, isDuplicate: true, writer: writer)
        }
    }

    private struct Growing {
        let id: String
        let length: Int64
        var version: Int64 = 0
    }

    /// How many events there are, each counted once.
    let total: Int
    /// How many have been drawn.
    private(set) var drawn = 0
    /// How many poisoned aggregates have been drawn.
    private(set) var poisoned = 0
    /// How many events that end a process have been drawn.
    private(set) var trapping = 0
    /// How many aggregates with a fork have been drawn.
    private(set) var forked = 0
    private var random: SeededGenerator
    private var growing: [Growing] = []
    private var nextAggregate = 0
    private var late: [Message] = []

    /// So many aggregates grow at once.
    private static let width = 120
    /// A block has so many events.
    static let blockSize = 512
    /// A run has at most so many poisoned aggregates.
    private static let poisonLimit = 12
    private static let poisonLength: Int64 = 6
    /// A run has at most so many aggregates with a fork.
    private static let forkLimit = 12
    /// A run has at most so many events that end a process.
    private static let trapLimit = 24
    /// How far the messages of a block stray.
    private static let windows = [2.0, 16, 256, 1024]

    init(seed: UInt64, total: Int) {
        self.total = total
        random = SeededGenerator(seed: seed, topic: Self.type)
    }

    /// The next messages, in the order to publish them; `nil` when there are no more.
    mutating func next() -> [Message]? {
        guard drawn < total || !late.isEmpty else { return nil }
        var messages = poisonMessages() + forkMessages()
        while messages.count < Self.blockSize, drawn < total { messages.append(draw()) }
        let window = Self.windows[Int.random(in: 0..<Self.windows.count, using: &random)]
        var placed: [(position: Double, message: Message)] = late.map {
            (random.fraction() * Double(Self.blockSize), $0)
        }
        late = []
        for (index, message) in messages.enumerated() {
            let position = Double(index) + random.fraction() * window
            placed.append((position, message))
            guard Int.random(in: 0..<20, using: &random) == 0 else { continue }
            let copy = message.copy
            if Int.random(in: 0..<4, using: &random) == 0 {
                late.append(copy)  // a copy that comes when the original has long been applied
            } else {
                placed.append((position + random.fraction() * window, copy))
            }
        }
        return placed.sorted { $0.position < $1.position }.map(\.message)
    }

    private mutating func draw() -> Message {
        if growing.count < Self.width {
            // One in twenty grows long: a hot one.
            let longest: Int64 = Int.random(in: 0..<20, using: &random) == 0 ? 400 : 40
            growing.append(Growing(id: "\(nextAggregate)", length: .random(in: 1...longest, using: &random)))
            nextAggregate += 1
        }
        // The lower half of the places gets three quarters of the events.
        let skewed = random.fraction() * (0.5 + 0.5 * random.fraction())
        let place = min(growing.count - 1, Int(skewed * Double(growing.count)))
        growing[place].version += 1
        let chosen = growing[place]
        if chosen.version >= chosen.length { growing.remove(at: place) }
        drawn += 1
        let isFlaky = Int.random(in: 0..<800, using: &random) == 0
        var payload = Moved(amount: .random(in: 1...1000, using: &random), temper: isFlaky ? .flaky : nil)
        if isFlaky { payload.note = Canary.payload }
        if !isFlaky, trapping < Self.trapLimit, Int.random(in: 0..<1000, using: &random) == 0 {
            trapping += 1
            payload.temper = .trap
        }
        return Message(type: Self.type, id: chosen.id, version: chosen.version, payload: payload, isDuplicate: false)
    }

    /// A poisoned aggregate's whole history, now and then.
    private mutating func poisonMessages() -> [Message] {
        guard poisoned < Self.poisonLimit, drawn < total, poisoned == 0 || Int.random(in: 0..<8, using: &random) == 0
        else { return [] }
        poisoned += 1
        drawn += Int(Self.poisonLength)
        return Self.poison("\(poisoned)", &random)
    }

    /// The whole history of a poisoned aggregate; its id is as hostile as ids may be.
    static func poison(_ name: String, _ random: inout SeededGenerator) -> [Message] {
        (1...poisonLength).map { version in
            var payload = Moved(amount: .random(in: 1...1000, using: &random))
            if version == poisonVersion { (payload.temper, payload.note) = (.poison, Canary.payload) }
            return Message(
                type: poisonType, id: name + Canary.id, version: version, payload: payload, isDuplicate: false)
        }
    }

    /// An aggregate with two writers of its last version, now and then.
    private mutating func forkMessages() -> [Message] {
        guard forked < Self.forkLimit, drawn < total, forked == 0 || Int.random(in: 0..<8, using: &random) == 0
        else { return [] }
        forked += 1
        drawn += Int(Self.forkVersion) + 1
        var messages = (1...Self.forkVersion).map { version in
            Message(
                type: Self.forkType, id: "\(forked)", version: version,
                payload: Moved(amount: .random(in: 1...1000, using: &random)), isDuplicate: false)
        }
        messages.append(
            Message(
                type: Self.forkType, id: "\(forked)", version: Self.forkVersion,
                payload: Moved(amount: .random(in: 1001...2000, using: &random)), isDuplicate: false, writer: 2))
        return messages
    }
}
