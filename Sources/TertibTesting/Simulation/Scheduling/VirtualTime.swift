import TertibRuntime
import TertibCore

/// A party's clocks in a simulation: they move when nobody can go on, and each party's stand differently.
///
/// `@unchecked Sendable`: the scheduler's threads touch it one at a time.
final class VirtualTime: TimeSource, @unchecked Sendable {
    private unowned let scheduler: SeededScheduler
    private let offset: Duration
    /// How far the wall clock is off.
    var skew: Duration
    /// Where the wall clock stands still.
    var frozenAt: Timestamp?

    /// Some noon in 2026.
    static let start = Timestamp(microseconds: 1_772_366_400_000_000)

    init(_ scheduler: SeededScheduler, offset: Duration = .zero, skew: Duration = .zero) {
        self.scheduler = scheduler
        self.offset = offset
        self.skew = skew
    }

    var monotonic: Duration { scheduler.now + offset }

    var wall: Timestamp { frozenAt ?? Self.start.advanced(by: scheduler.now + skew) }

    /// The wall clock is right again.
    func heal() {
        skew = .zero
        frozenAt = nil
    }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        guard duration > .zero else { return }
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                sleeper.continuation = continuation
                sleeper.timer = scheduler.schedule(at: scheduler.now + duration) { sleeper.wake() }
            }
        } onCancel: {
            if let timer = sleeper.timer, scheduler.cancelTimer(timer) { sleeper.cancel() }
        }
    }

    /// Returns after `duration`, cancelled or not: what a message needs on its way.
    func pass(_ duration: Duration) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            _ = scheduler.schedule(at: scheduler.now + duration) { continuation.resume() }
        }
    }

    /// `@unchecked Sendable`: the scheduler's threads touch it one at a time.
    private final class Sleeper: @unchecked Sendable {
        var continuation: CheckedContinuation<Void, any Error>?
        var timer: Int?

        func wake() {
            continuation?.resume()
            continuation = nil
        }

        func cancel() {
            continuation?.resume(throwing: CancellationError())
            continuation = nil
        }
    }
}
