/// The state of a world of relays between two steps. Events are numbered by aggregate and version; there is no padding.
package struct RelayState: BitwiseCopyable {
    /// Where each relay's round is: a node of the execution tree.
    var nodes = InlineArray<4, UInt32>(repeating: 0)
    /// What the stream has, in its order.
    var stream = InlineArray<16, RelayEntry>(repeating: RelayEntry())
    /// The rows of the outbox, by event.
    var rows = InlineArray<8, OutboxMark>(repeating: [])
    /// The heads: the last published version, and its place in the stream.
    var published = InlineArray<2, UInt8>(repeating: 0)
    var places = InlineArray<2, UInt8>(repeating: 0)
    /// A publish that is on its way although no relay waits for it, and what it expects, plus one; 0 for nothing.
    var late = RelayEntry()
    var lateExpectation: UInt8 = 0
    /// Of messages up to here the broker has forgotten the ids.
    var forgotten: UInt8 = 0
    /// How often each fault may still happen.
    var allowance = InlineArray<9, UInt8>(repeating: 0)

    struct OutboxMark: OptionSet, Hashable {
        let rawValue: UInt8
        static let staged = OutboxMark(rawValue: 1)
        /// A relay has it, or it is not to be taken before its time.
        static let held = OutboxMark(rawValue: 2)
        static let published = OutboxMark(rawValue: 4)
    }

    func allows(_ fault: RelayFault) -> Bool { allowance[fault.index] > 0 }

    mutating func spend(_ fault: RelayFault) { allowance[fault.index] -= 1 }

    /// How many messages the stream has.
    var count: Int {
        for index in 0..<16 where !stream[index].exists { return index }
        return 16
    }

    /// The sequence of an aggregate's last message before a sequence; 0 without one.
    func last(of aggregate: Int, before sequence: Int = 17) -> Int {
        var last = 0
        for index in 0..<(sequence - 1) where stream[index].exists && stream[index].aggregate == aggregate {
            last = index + 1
        }
        return last
    }

    func isUnpublished(_ event: Int) -> Bool { rows[event].contains(.staged) && !rows[event].contains(.published) }

    /// The unpublished rows, a bit an event.
    var unpublished: UInt8 {
        var mask: UInt8 = 0
        for event in 0..<8 where isUnpublished(event) { mask |= 1 << UInt8(event) }
        return mask
    }

    func staged(_ aggregate: Int) -> Int {
        var count = 0
        for event in RelayEntry.events(of: aggregate) where rows[event].contains(.staged) { count += 1 }
        return count
    }
}

/// A message of the stream in one byte: an event that was staged, or one with another id in its place.
struct RelayEntry: Hashable {
    private(set) var bits: UInt8 = 0

    init() {}

    init(event: Int, isAlien: Bool = false) {
        bits = UInt8(event + 1) | (isAlien ? 64 : 0)
    }

    var exists: Bool { bits != 0 }
    var event: Int { Int(bits & 63) - 1 }
    /// Whether its id is not that of the event that was staged.
    var isAlien: Bool { bits & 64 != 0 }
    var aggregate: Int { event / RelayScenario.limits.versions }

    static func events(of aggregate: Int) -> Range<Int> {
        let versions = RelayScenario.limits.versions
        return aggregate * versions..<(aggregate + 1) * versions
    }
}
