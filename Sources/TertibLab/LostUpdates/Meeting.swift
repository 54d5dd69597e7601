import Dispatch
import Synchronization

/// Transactions that are all to have read one row before any of them writes it: so that they overlap by design, and not
/// by luck.
///
/// Some cannot come: they wait for a lock, or have failed already. Nobody waits for those, and nobody waits for ever.
final class Meeting: Sendable {
    fileprivate struct State {
        /// Who has read the row, or will not before somebody else has written it.
        var accounted: Set<Int> = []
        var isOpen = false
        var waiting: [DispatchSemaphore] = []
    }

    private let expected: Int
    private let state = Mutex(State())
    /// Only a transaction that neither comes, fails nor waits in the database can make the others wait so long.
    private static let limit: Duration = .seconds(2)
    /// How often is looked who waits for a lock.
    private static let look: DispatchTimeInterval = .milliseconds(2)

    /// A meeting of so many.
    init(of expected: Int) {
        self.expected = expected
    }

    /// Whether all were there, or accounted for.
    var isComplete: Bool { state.withLock { $0.accounted.count >= expected } }

    /// Somebody does not have to be waited for.
    func account(for member: Int) {
        let released = state.withLock { state in
            state.accounted.insert(member)
            return state.accounted.count >= expected ? state.open() : []
        }
        for semaphore in released { semaphore.signal() }
    }

    /// Waits, on this thread, until all others have come or are accounted for.
    /// - Parameter locked: how many of the others wait for a lock, and so cannot come; `nil` when nobody can.
    func arrive(_ member: Int, locked: (() throws -> Int)? = nil) throws {
        account(for: member)
        let deadline = ContinuousClock.now + Self.limit
        let semaphore = DispatchSemaphore(value: 0)
        while ContinuousClock.now < deadline {
            guard state.withLock({ $0.admit(semaphore) }) else { return }
            if let locked {
                if try locked() >= expected - state.withLock(\.accounted.count) { break }
                _ = semaphore.wait(timeout: .now() + Self.look)
            } else {
                _ = semaphore.wait(timeout: .now() + .milliseconds(500))
            }
        }
        for semaphore in state.withLock({ $0.open() }) { semaphore.signal() }
    }
}

extension Meeting.State {
    /// Lets everybody go, now and later.
    fileprivate mutating func open() -> [DispatchSemaphore] {
        isOpen = true
        defer { waiting = [] }
        return waiting
    }

    /// - Returns: whether there is something to wait for.
    fileprivate mutating func admit(_ semaphore: DispatchSemaphore) -> Bool {
        guard !isOpen else { return false }
        if !waiting.contains(where: { $0 === semaphore }) { waiting.append(semaphore) }
        return true
    }
}
