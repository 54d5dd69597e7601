/// How a failing event is tried again: exponential delays with full jitter, and a limit.
///
/// Full jitter, as in Marc Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): the delay is drawn
/// evenly from zero to the exponential bound, so that neighbours do not meet again.
public struct RetryPolicy: Hashable, Sendable {
    /// After so many failed attempts the event is a dead letter.
    public let maxAttempts: Int
    /// The bound of the first delay.
    public let initialDelay: Duration
    /// The bound of every delay.
    public let maxDelay: Duration

    /// Creates a policy. Traps unless there is at least one attempt and `0 < initialDelay <= maxDelay`.
    public init(maxAttempts: Int = 8, initialDelay: Duration = .milliseconds(200), maxDelay: Duration = .seconds(60)) {
        precondition(maxAttempts >= 1, "at least one attempt")
        precondition(initialDelay > .zero && initialDelay <= maxDelay, "0 < initialDelay <= maxDelay")
        self.maxAttempts = maxAttempts
        self.initialDelay = initialDelay
        self.maxDelay = maxDelay
    }

    /// The delay before an attempt; the first retry is attempt 2. `jitter` is a number in `0..<1`.
    public func delay(beforeAttempt attempt: Int, jitter: Double) -> Duration {
        bound(beforeAttempt: attempt) * min(max(jitter, 0), 1)
    }

    /// The longest delay before an attempt.
    public func bound(beforeAttempt attempt: Int) -> Duration {
        var bound = initialDelay
        for _ in 0..<max(0, attempt - 2) {
            if bound >= maxDelay { break }
            bound *= 2
        }
        return min(bound, maxDelay)
    }
}
