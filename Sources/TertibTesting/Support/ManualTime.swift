import Synchronization
public import TertibRuntime
public import TertibCore

/// Time that stands still until a test moves it.
public final class ManualTime: TimeSource {
    private struct Sleeper {
        let number: Int
        let deadline: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var monotonic: Duration = .zero
        var wall: Timestamp
        var lastNumber = 0
        var sleepers: [Sleeper] = []
    }

    private let state: Mutex<State>
    /// Tells of each sleeper that comes or goes.
    public let changes = ChangeSignal()

    /// Creates a time source whose wall clock stands at `wall`, by default some noon in 2026.
    public init(wall: Timestamp = Timestamp(microseconds: 1_772_366_400_000_000)) {
        state = Mutex(State(wall: wall))
    }

    /// The time by which it was advanced.
    public var monotonic: Duration { state.withLock { $0.monotonic } }

    /// The wall clock.
    public var wall: Timestamp { state.withLock { $0.wall } }

    /// How many tasks sleep.
    public var sleepers: Int { state.withLock { $0.sleepers.count } }

    /// When, on the monotonic clock, the next sleeper wakes; `nil` when nobody sleeps.
    public var nextDeadline: Duration? { state.withLock { $0.sleepers.map(\.deadline).min() } }

    /// Sleeps until the time was advanced by `duration`.
    public func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        guard duration > .zero else { return }
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if Task.isCancelled { return true }
                    let deadline = state.monotonic + duration
                    state.sleepers.append(Sleeper(number: number, deadline: deadline, continuation: continuation))
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                changes.notify()
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                state.sleepers.firstIndex { $0.number == number }.map { state.sleepers.remove(at: $0) }
            }
            sleeper?.continuation.resume(throwing: CancellationError())
            changes.notify()
        }
    }

    /// Moves both clocks on, and wakes the sleepers whose time has come, in the order of their deadlines; of equal ones
    /// the one that lay down first.
    public func advance(by duration: Duration) {
        precondition(duration >= .zero, "time does not go back")
        let target = state.withLock { state in
            state.wall = state.wall.advanced(by: duration)
            return state.monotonic + duration
        }
        while let sleeper = nextSleeper(until: target) {
            sleeper.continuation.resume()
            changes.notify()
        }
    }

    /// Moves both clocks to the earliest deadline, and wakes who waits for it.
    /// - Returns: by how much, or `nil` when nobody sleeps.
    @discardableResult
    public func advanceToNextDeadline() -> Duration? {
        let step = nextDeadline.map { $0 - monotonic }
        if let step { advance(by: max(step, .zero)) }
        return step
    }

    /// Moves the wall clock alone, in either direction, as an administrator or a bad time server does.
    public func jumpWall(by duration: Duration) {
        state.withLock { $0.wall = $0.wall.advanced(by: duration) }
    }

    /// Waits, in real time, until at least `count` tasks sleep.
    /// - Throws: ``EventuallyError`` when they do not.
    public func waitForSleepers(_ count: Int = 1, within limit: Duration = .seconds(30)) async throws {
        try await eventually("\(count) sleepers", within: limit, watching: [changes]) { sleepers >= count }
    }

    /// Takes the next sleeper out whose deadline is no later than `target`, with the clock at its deadline; when there
    /// is none, the clock stands at `target`.
    private func nextSleeper(until target: Duration) -> Sleeper? {
        state.withLock { state in
            let due = state.sleepers.indices.filter { state.sleepers[$0].deadline <= target }
            let first = due.min { left, right in
                let (left, right) = (state.sleepers[left], state.sleepers[right])
                return (left.deadline, left.number) < (right.deadline, right.number)
            }
            guard let first else {
                state.monotonic = max(state.monotonic, target)
                return nil
            }
            state.monotonic = max(state.monotonic, state.sleepers[first].deadline)
            return state.sleepers.remove(at: first)
        }
    }
}
