/// The state of a small world between two steps, packed so that it is copied and hashed quickly.
///
/// Fields are ordered by size, so that there is no padding: the fingerprint reads the bytes.
struct ExplorerState {
    /// Replicas first, then sweepers.
    var threads = InlineArray<8, ThreadState>(repeating: ThreadState())
    /// Deliveries in somebody's hands.
    var inHand: UInt64 = 0
    /// The committed watermark rows.
    var rows = InlineArray<4, PackedRow>(repeating: PackedRow())
    /// Messages that the broker knows to be acknowledged.
    var acknowledged: UInt32 = 0
    /// Aggregates of which a committed transaction has said that it left a drain over.
    var leftovers: UInt32 = 0
    /// The committed parked rows, by aggregate and version.
    var parked = InlineArray<32, PackedParked>(repeating: PackedParked())
    /// The effects that have committed, by aggregate and version: the message plus one.
    var effects = InlineArray<32, UInt8>(repeating: 0)
    /// The dead letters, by message.
    var letters = InlineArray<32, PackedLetter>(repeating: PackedLetter())
    /// What may still go wrong, by ``Fault``.
    var allowance = InlineArray<8, UInt8>(repeating: 0)
}

/// What one replica's loop, or one sweeper, is doing.
struct ThreadState: Hashable {
    /// Deliveries that no batch has taken.
    var waiting: UInt64 = 0
    /// Of these: those that wait for a neighbour's commit.
    var held: UInt64 = 0
    /// Deliveries to acknowledge.
    var acknowledging: UInt64 = 0
    /// Deliveries in the running transaction.
    var batch: UInt64 = 0
    /// Where the transaction is: an index of the book; 0 when none runs.
    var node: UInt32 = 0
    /// Messages that a repair has found and not applied.
    var repair: UInt32 = 0
    /// Aggregates whose rows have not changed since this transaction read them.
    var unchanged: UInt8 = 0
    /// Aggregates to wake.
    var wakes: UInt8 = 0
    var phase = Phase.idle
    /// Whether the last batch found no room for what it wanted to park: then everything that waits may be given back.
    var isCrowded = false
    var padding: UInt32 = 0

    enum Phase: UInt8 {
        case idle, running, acknowledging, halfAcknowledged
    }
}

/// What may go wrong in a small world.
enum Fault: Int, CaseIterable {
    case crash, duplicate, lostAcknowledgement, conflict, unknownCommit, sweep, failure, giveBack
}

/// A watermark row in four bytes.
struct PackedRow: Hashable {
    var bits: UInt32 = 0

    init() {}

    init(version: Int, message: Int?, parked: Int, status: Int) {
        bits = UInt32(version & 31) | UInt32((message ?? -1) + 1) << 5 | UInt32(min(max(parked, 0), 31)) << 11
        bits |= UInt32(status) << 16 | 1 << 31
    }

    var exists: Bool { bits != 0 }
    var version: Int { Int(bits & 31) }
    var message: Int? { bits >> 5 & 63 == 0 ? nil : Int(bits >> 5 & 63) - 1 }
    var parked: Int { Int(bits >> 11 & 31) }
    var status: Int { Int(bits >> 16 & 7) }
}

/// A parked row in two bytes.
struct PackedParked: Hashable {
    var bits: UInt16 = 0

    init() {}

    init(message: Int, reason: Int, attempts: Int, isDue: Bool) {
        bits = UInt16(message + 1) | UInt16(reason) << 6 | UInt16(min(attempts, 15)) << 9 | (isDue ? 1 << 13 : 0)
    }

    var exists: Bool { bits != 0 }
    var message: Int { Int(bits & 63) - 1 }
    var reason: Int { Int(bits >> 6 & 7) }
    var attempts: Int { Int(bits >> 9 & 15) }
    /// Whether its next attempt may be made; true of a row that waits for none.
    var isDue: Bool {
        get { bits >> 13 & 1 == 1 }
        set { bits = bits & ~(1 << 13) | (newValue ? 1 << 13 : 0) }
    }
}

/// A dead letter in one byte.
struct PackedLetter: Hashable {
    var bits: UInt8 = 0

    init() {}

    init(reason: Int, attempts: Int) {
        bits = UInt8(reason + 1) | UInt8(min(attempts, 15)) << 4
    }

    var exists: Bool { bits != 0 }
    var reason: Int { Int(bits & 15) - 1 }
    var attempts: Int { Int(bits >> 4) }
}

extension ExplorerState {
    func allows(_ fault: Fault) -> Bool { allowance[fault.rawValue] > 0 }

    mutating func spend(_ fault: Fault) { allowance[fault.rawValue] -= 1 }

    /// Two numbers that differ, but for chance, where two states differ. Replicas are interchangeable, and sweepers
    /// among themselves: what differs only by their order is one state.
    func fingerprint(_ world: SmallWorld) -> Fingerprint {
        var copy = self
        copy.sortThreads(0..<world.replicas)
        copy.sortThreads(world.replicas..<world.threads)
        return Fingerprint(copy)
    }

    private mutating func sortThreads(_ range: Range<Int>) {
        guard range.count > 1 else { return }
        for index in range.dropFirst() {
            var place = index
            while place > range.lowerBound, threads[place].precedes(threads[place - 1]) {
                threads.swapAt(place, place - 1)
                place -= 1
            }
        }
    }
}

extension ThreadState {
    fileprivate func precedes(_ other: ThreadState) -> Bool {
        if node != other.node { return node < other.node }
        if waiting != other.waiting { return waiting < other.waiting }
        if batch != other.batch { return batch < other.batch }
        if acknowledging != other.acknowledging { return acknowledging < other.acknowledging }
        if held != other.held { return held < other.held }
        if repair != other.repair { return repair < other.repair }
        if unchanged != other.unchanged { return unchanged < other.unchanged }
        if wakes != other.wakes { return wakes < other.wakes }
        if phase != other.phase { return phase.rawValue < other.phase.rawValue }
        return !isCrowded && other.isCrowded
    }
}

/// Stands for a state in the set of those that were visited, or for a fact among those that were judged.
struct Fingerprint: Hashable {
    var high: UInt64
    var low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Two numbers that differ, but for chance, where two values differ. A value has no padding, and fills whole words.
    init<Value: BitwiseCopyable>(_ value: Value) {
        (high, low) = withUnsafeBytes(of: value) { bytes in
            var high: UInt64 = 0x9E37_79B9_7F4A_7C15
            var low: UInt64 = 0xD1B5_4A32_D192_ED03
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let first = (high ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
                high = first.high ^ first.low
                let second = (low ^ word).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
                low = (second.high ^ second.low) &+ high
            }
            return (high, low)
        }
    }
}
