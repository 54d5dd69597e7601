/// What is to happen at which moment; of equal ones the one that was put in first.
struct TimerQueue {
    private struct Entry {
        let deadline: Duration
        let number: Int
        let action: () -> Void
    }

    private var entries: [Entry] = []
    private var lastNumber = 0

    var count: Int { entries.count }
    var nextDeadline: Duration? { entries.first?.deadline }

    mutating func insert(at deadline: Duration, _ action: @escaping () -> Void) -> Int {
        lastNumber += 1
        let index = entries.firstIndex { $0.deadline > deadline } ?? entries.count
        entries.insert(Entry(deadline: deadline, number: lastNumber, action: action), at: index)
        return lastNumber
    }

    /// - Returns: whether it was there.
    mutating func remove(_ number: Int) -> Bool {
        guard let index = entries.firstIndex(where: { $0.number == number }) else { return false }
        entries.remove(at: index)
        return true
    }

    mutating func takeFirst(until now: Duration) -> (() -> Void)? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        entries.removeFirst()
        return first.action
    }
}
