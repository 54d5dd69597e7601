import TertibRuntime
import TertibCore

/// A durable consumer: what it has delivered, and what is unanswered.
struct MemoryDurable {
    /// A message that was delivered and not answered for good.
    struct Outstanding {
        var attempts: Int
        /// When it is delivered again.
        var due: Duration
        /// Tells the current due time from those that were overtaken.
        var stamp: Int
    }

    var subscription: Subscription
    var filter: SubjectFilter
    /// The next sequence that was not looked at.
    var cursor: UInt64 = 1
    /// Looked at, matching, and not delivered.
    var lookahead: [UInt64] = []
    /// How many matching messages are not delivered, those looked at included.
    var pending: UInt64 = 0
    var delivered: UInt64 = 0
    private(set) var outstanding: [UInt64: Outstanding] = [:]
    /// Passed over: not delivered, and not to be.
    private(set) var skipped: Set<UInt64> = []
    private var queue = DueQueue()
    private var lastStamp = 0

    init(subscription: Subscription, filter: SubjectFilter) {
        self.subscription = subscription
        self.filter = filter
    }

    /// When the next message falls due to be delivered again.
    var nextDue: Duration? {
        mutating get {
            skipOvertaken()
            return queue.first?.due
        }
    }

    /// The next message that is due to be delivered again.
    mutating func takeDue(at now: Duration) -> UInt64? {
        skipOvertaken()
        guard let first = queue.first, first.due <= now else { return nil }
        queue.removeFirst()
        return first.sequence
    }

    private mutating func skipOvertaken() {
        while let first = queue.first, outstanding[first.sequence]?.stamp != first.stamp { queue.removeFirst() }
    }

    /// Notes a delivery, the first or a further one.
    /// - Returns: which one it is, from 1.
    mutating func noteDelivery(of sequence: UInt64, due: Duration) -> Int {
        let attempts = (outstanding[sequence]?.attempts ?? 0) + 1
        outstanding[sequence] = Outstanding(attempts: attempts, due: due, stamp: 0)
        delivered = max(delivered, sequence)
        postpone(sequence, until: due)
        return attempts
    }

    /// Sets when an unanswered message is delivered again.
    mutating func postpone(_ sequence: UInt64, until due: Duration) {
        guard outstanding[sequence] != nil else { return }
        lastStamp += 1
        outstanding[sequence]?.due = due
        outstanding[sequence]?.stamp = lastStamp
        queue.insert(DueQueue.Entry(due: due, stamp: lastStamp, sequence: sequence))
    }

    /// Takes a message off the list: it is answered for good, or gone.
    mutating func settle(_ sequence: UInt64) { outstanding[sequence] = nil }

    /// Forgets everything about deliveries from `sequence` on, as a broker does that lost its consumer's last state.
    mutating func forget(from sequence: UInt64) {
        outstanding = outstanding.filter { $0.key < sequence }
        lookahead.removeAll { $0 >= sequence }
        skipped = skipped.filter { $0 < sequence }
        cursor = min(cursor, sequence)
        delivered = min(delivered, sequence == 0 ? 0 : sequence - 1)
    }

    /// Passes over messages, those that were delivered excepted.
    mutating func skip(_ sequences: Set<UInt64>) {
        skipped.formUnion(sequences.filter { $0 >= cursor || lookahead.contains($0) })
        lookahead.removeAll { skipped.contains($0) }
    }

    /// Everything at or below it is acknowledged.
    var floor: UInt64 {
        let lowest = min(outstanding.keys.min() ?? .max, lookahead.min() ?? .max)
        return min(delivered, lowest == .max ? .max : lowest - 1)
    }
}

/// A queue by due time; of equal ones the one that was put in first: a binary heap.
struct DueQueue {
    struct Entry {
        let due: Duration
        let stamp: Int
        let sequence: UInt64

        static func < (left: Entry, right: Entry) -> Bool {
            (left.due, left.stamp) < (right.due, right.stamp)
        }
    }

    private var heap: [Entry] = []

    var first: Entry? { heap.first }

    mutating func insert(_ entry: Entry) {
        heap.append(entry)
        var index = heap.count - 1
        while index > 0, heap[index] < heap[(index - 1) / 2] {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var index = 0
        while true {
            var smallest = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && heap[child] < heap[smallest] {
                smallest = child
            }
            if smallest == index { return }
            heap.swapAt(index, smallest)
            index = smallest
        }
    }
}
