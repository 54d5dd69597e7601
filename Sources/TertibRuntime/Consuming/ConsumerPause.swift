import Logging
import TertibCore

/// Pauses a consumer that cannot commit: gives everything back, waits with growing patience, says so once, and says so
/// again when it goes on. Nothing is acknowledged.
struct ConsumerPause {
    let runtime: ConsumerRuntime
    private var attempts = 0

    init(runtime: ConsumerRuntime) {
        self.runtime = runtime
    }

    /// Gives back all that is in hand, and waits.
    mutating func pause(after error: any Error) async throws {
        attempts += 1
        let delay = RetryPolicy(initialDelay: .milliseconds(250), maxDelay: .seconds(5))
            .bound(beforeAttempt: attempts + 1)
        await letGo(delay: delay)
        if error is CancellationError { return }
        if attempts == 1 {
            runtime.counters.paused()
            let metadata: Logger.Metadata = [LogKey.reason: "\(error)", LogKey.delay: "\(delay)"]
            if error is ParkedLimitReached {
                runtime.logger.critical(
                    "a limit of parked rows is reached: paused, nothing more is acknowledged", metadata: metadata)
            } else {
                runtime.logger.error(
                    "the batch cannot be committed: paused, nothing is acknowledged", metadata: metadata)
            }
        }
        runtime.board.ask()
        do {
            try await runtime.context.time.sleep(for: delay / 2 + runtime.context.jitter(upTo: delay / 2))
        } catch is CancellationError {
            return  // the loop sees the cancellation itself, and ends in order
        }
    }

    /// A batch has committed.
    mutating func recovered() {
        if attempts > 0 { runtime.logger.notice("the consumer goes on") }
        attempts = 0
    }

    /// Negative-acknowledges everything that arrived and did not commit.
    func letGo(delay: Duration) async {
        let untaken = await runtime.source.suspend()
        runtime.counters.received(untaken.count)
        _ = runtime.desk.take(untaken)
        let all = runtime.desk.releaseAll()
        runtime.counters.letGo(all.count)
        let isPlanted = PlantedBug.acknowledgedAtShutdown.isActive
        await runtime.source.answer(isPlanted ? .acknowledge : .negativeAcknowledge(delay: delay), to: all)
    }
}
