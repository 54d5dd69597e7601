/// A call of a transaction whose answer depends on what the store holds. What only writes is no call: nobody sees it
/// before the commit.
enum StoreCall: Hashable {
    case watermarks(UInt8)
    /// The rows to claim; `outdated` are those that were expected as an earlier read had them.
    case claim(UInt8, outdated: UInt8)
    case openDeadLetters(UInt8)
    case parked(aggregate: Int, from: Int)
    /// The handler's write.
    case effect(message: Int)
    /// Whether the handler of an event that may fail does.
    case outcome(message: Int)
    case park([PackedParked])
    case deleteParked(aggregate: Int, through: Int)
    case parkedCount
    case leftoverDrains
    case dueRetries
    case gaps
    /// The body has ended.
    case end
}

/// What the store says to a call: up to 256 bits, by call.
typealias StoreAnswer = SIMD4<UInt64>

extension StoreAnswer {
    /// Nothing to say.
    static let done = StoreAnswer()
    /// The statement fails, for a neighbour's sake.
    static let conflict = StoreAnswer(repeating: .max)
    /// The statement breaks a unique key, or the handler throws.
    static let failure = StoreAnswer(1, 0, 0, 0)

    init(_ number: UInt64) { self.init(number, 0, 0, 0) }

    /// Four rows of 32 bits each in the lower half.
    subscript(row index: Int) -> PackedRow {
        get {
            var row = PackedRow()
            row.bits = UInt32(truncatingIfNeeded: self[index / 2] >> UInt64(32 * (index % 2)))
            return row
        }
        set { self[index / 2] |= UInt64(newValue.bits) << UInt64(32 * (index % 2)) }
    }

    /// Sixteen rows of 16 bits each.
    subscript(parked index: Int) -> PackedParked {
        get {
            var row = PackedParked()
            row.bits = UInt16(truncatingIfNeeded: self[index / 4] >> UInt64(16 * (index % 4)))
            return row
        }
        set { self[index / 4] |= UInt64(newValue.bits) << UInt64(16 * (index % 4)) }
    }
}

/// What a transaction writes, in order; it is in force from the commit on.
enum StoreWrite: Hashable {
    case row(aggregate: Int, PackedRow)
    case park(PackedParked)
    case deleteParked(aggregate: Int, through: Int)
    case letter(message: Int, PackedLetter)
    case effect(message: Int)
}

/// How a transaction's body has ended.
enum BodyEnd: Hashable {
    case finished(BodyResult)
    case handlerFailed
    /// The message that has ended the transaction.
    case transactionLost(message: Int)
    case conflict
    case failed(String)
    case swept(wakes: UInt8, repair: UInt32)
}

/// What a body that wants to commit leaves behind; deliveries are named by message and rank among the copies in the
/// batch.
struct BodyResult: Hashable {
    var acknowledged: UInt64 = 0
    var carried: UInt64 = 0
    var held: UInt64 = 0
    var hasLeftovers = false
    var isLimited = false
    var conflicts = 0
    var retried = 0
}
