import TertibCore

/// The state of a world of consumers between two steps. Rows are numbers of ``ConsumerTables``, 0 where there is none.
/// Fields are ordered by size, so that there is no padding.
package struct ConsumerState: BitwiseCopyable {
    /// Replicas first, then sweepers.
    var threads = InlineArray<8, ConsumerThread>(repeating: ConsumerThread())
    /// The deliveries that some replica has, two bits a message: a message may be delivered twice.
    var inHand: UInt64 = 0
    /// The committed watermarks, by aggregate.
    var rows = InlineArray<4, UInt16>(repeating: 0)
    /// Messages that the broker knows to be acknowledged.
    var acknowledged: UInt32 = 0
    /// Aggregates of which a committed transaction has said that it left a drain over.
    var leftovers: UInt32 = 0
    /// The committed parked rows, by aggregate and version.
    var parked = InlineArray<32, UInt16>(repeating: 0)
    /// The committed effects, by aggregate and version: the message plus one.
    var effects = InlineArray<32, UInt8>(repeating: 0)
    /// The dead letters, by message.
    var deadLetters = InlineArray<32, DeadLetterMark>(repeating: DeadLetterMark())
    /// How often each fault may still happen.
    var allowance = InlineArray<8, UInt8>(repeating: 0)

    /// Where ``parked`` and ``effects`` have a version.
    static func slot(_ aggregate: Int, _ version: Int) -> Int {
        aggregate * ConsumerScenario.limits.versions + version - 1
    }

    func allows(_ fault: Fault) -> Bool { allowance[fault.index] > 0 }

    mutating func spend(_ fault: Fault) { allowance[fault.index] -= 1 }

    var isAnythingParked: Bool {
        for slot in 0..<32 where parked[slot] != 0 { return true }
        return false
    }

    /// Sorts interchangeable threads.
    mutating func sortThreads(_ range: Range<Int>) {
        for index in range.dropFirst() {
            var place = index
            while place > range.lowerBound, threads[place] < threads[place - 1] {
                threads.swapAt(place, place - 1)
                place -= 1
            }
        }
    }
}

/// What the loop of one replica, or one sweeper, is doing.
struct ConsumerThread: Comparable {
    /// Deliveries that are in no batch.
    var waiting: UInt64 = 0
    /// Of these: those that wait for the commit of another replica.
    var held: UInt64 = 0
    /// Deliveries to acknowledge.
    var acknowledging: UInt64 = 0
    /// Deliveries in the running transaction.
    var batch: UInt64 = 0
    /// Where the transaction is: a node of the execution tree.
    var node: UInt32 = 0
    /// Messages that a repair has found and not applied.
    var repair: UInt32 = 0
    /// Aggregates whose rows have not changed since this transaction read them.
    var unchanged: UInt8 = 0
    /// Aggregates to wake.
    var wakes: UInt8 = 0
    var phase = Phase.idle
    /// Whether the last batch found no room for what it wanted to park: then everything that waits may be given back.
    var lacksRoom = false
    var padding: UInt32 = 0

    enum Phase: UInt8 {
        case idle, running, acknowledging, halfAcknowledged
    }

    var isBusy: Bool { phase != .idle || waiting != 0 || wakes != 0 || repair != 0 }

    /// Any order: it makes one state of those that differ by which replica is which.
    static func < (left: ConsumerThread, right: ConsumerThread) -> Bool {
        if left.node != right.node { return left.node < right.node }
        if left.waiting != right.waiting { return left.waiting < right.waiting }
        if left.batch != right.batch { return left.batch < right.batch }
        if left.acknowledging != right.acknowledging { return left.acknowledging < right.acknowledging }
        if left.held != right.held { return left.held < right.held }
        if left.repair != right.repair { return left.repair < right.repair }
        if left.unchanged != right.unchanged { return left.unchanged < right.unchanged }
        if left.wakes != right.wakes { return left.wakes < right.wakes }
        if left.phase != right.phase { return left.phase.rawValue < right.phase.rawValue }
        return !left.lacksRoom && right.lacksRoom
    }
}

/// A dead letter in one byte.
struct DeadLetterMark: Hashable {
    private(set) var bits: UInt8 = 0

    init() {}

    init(_ reason: DeadLetterReason, attempts: Int) {
        bits = UInt8((DeadLetterReason.allCases.firstIndex(of: reason) ?? 0) + 1) | UInt8(min(attempts, 15)) << 4
    }

    var exists: Bool { bits != 0 }
    var reason: DeadLetterReason { DeadLetterReason.allCases[Int(bits & 15) - 1] }
    var attempts: Int { Int(bits >> 4) }
}

/// The rows that a world has seen, by number. Revisions are left out: what matters of one is whether the row has changed
/// since it was read, and a thread knows that (``ConsumerThread/unchanged``). So is how long a retry waits: it is due or
/// not.
final class ConsumerTables {
    private(set) var watermarks = NumberedValues<Watermark>()
    private(set) var parked = NumberedValues<ParkedEvent>()

    func number(of row: Watermark) -> UInt16 {
        var row = row
        row.revision = 1
        return watermarks.number(of: row)
    }

    func number(of row: ParkedEvent) -> UInt16 {
        var row = row
        row.nextAttemptAt = row.nextAttemptAt.map {
            $0 > Fixtures.now ? Fixtures.now.advanced(by: .seconds(1)) : Fixtures.now
        }
        return parked.number(of: row)
    }
}
