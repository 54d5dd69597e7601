/// The state of a world of relays between two steps. An event's number is four times its aggregate, plus its version
/// less one; there is no padding, as the fingerprint reads the bytes.
struct RelayState {
    /// Where each relay's round is: an index of the book; 0 when none runs.
    var nodes = InlineArray<4, UInt32>(repeating: 0)
    /// What the stream has: each event's number plus one, and ``alien`` for one that nobody has staged.
    var stream = InlineArray<16, UInt8>(repeating: 0)
    /// The rows of the outbox, by event.
    var rows = InlineArray<8, OutboxMark>(repeating: [])
    /// The heads: the last published version, and its place in the stream.
    var published = InlineArray<2, UInt8>(repeating: 0)
    var places = InlineArray<2, UInt8>(repeating: 0)
    /// A publish that is under way although nobody waits for it: its event plus one, and what it expects, plus one.
    var late: UInt8 = 0
    var lateExpectation: UInt8 = 0
    /// Of messages up to here the broker has forgotten the ids.
    var forgotten: UInt8 = 0
    var crashes: UInt8 = 0
    var lostAnswers: UInt8 = 0
    var unknownCommits: UInt8 = 0
    var forgottenIDs: UInt8 = 0
    var outages: UInt8 = 0
    var padding = InlineArray<4, UInt8>(repeating: 0)

    static let alien: UInt8 = 64

    struct OutboxMark: OptionSet, Hashable {
        let rawValue: UInt8
        static let staged = OutboxMark(rawValue: 1)
        /// Nobody takes it before its time.
        static let held = OutboxMark(rawValue: 2)
        static let published = OutboxMark(rawValue: 4)
    }

    /// How many messages the stream has.
    var count: Int {
        for index in 0..<16 where stream[index] == 0 { return index }
        return 16
    }

    /// The sequence of an aggregate's last message; 0 without one.
    func last(of aggregate: Int) -> Int {
        var last = 0
        for index in 0..<16 where stream[index] != 0 && Self.aggregate(of: stream[index]) == aggregate {
            last = index + 1
        }
        return last
    }

    static func aggregate(of entry: UInt8) -> Int { Int((entry & ~alien) - 1) / 4 }

    func isUnpublished(_ event: Int) -> Bool { rows[event].contains(.staged) && !rows[event].contains(.published) }
}

/// One step of a world of relays.
struct RelayStep: Hashable, Sendable {
    enum Kind: UInt8, CaseIterable {
        case stage, begin, call, answerIsLost, publishIsLost, publishIsLate, brokerIsAway, brokerGoesAway,
            commitIsUnknown, commitIsLost, crash, lateArrives, idsAreForgotten, timePasses
    }

    var kind: Kind
    /// The relay, or the aggregate that is staged.
    var number: UInt8 = 0

    init(_ kind: Kind, _ number: Int = 0) {
        self.kind = kind
        self.number = UInt8(number)
    }
}

/// A call of a relay's round whose answer depends on what store and stream hold.
enum RelayCall: Hashable, Sendable {
    case summary
    case claim(limit: Int)
    case rows(aggregate: Int)
    /// An event, and what it expects; `nil` for nothing.
    case publish(event: UInt8, expected: Int?)
    case message(sequence: Int)
    case first(aggregate: Int, from: Int)
    case last(aggregate: Int)
    case state
    /// The results of the round: rows published, each with its sequence, and rows to be taken later.
    case mark(published: [Int: Int], later: [Int])
}

/// What store or stream says.
enum RelayAnswer: Hashable, Sendable {
    case number(Int)
    /// Bits by event.
    case rows(UInt8)
    /// Bits by event, and the heads: published version and place, by aggregate.
    case claims(UInt8, heads: [SIMD2<Int>])
    case stored(Int, isDuplicate: Bool)
    case unexpected(Int)
    case unknown
    /// No answer, however often it is asked again.
    case silence
    /// A sequence and its entry; 0 without a message.
    case message(sequence: Int, entry: UInt8, predecessor: Int)
    case done
    case commitUnknown
}
