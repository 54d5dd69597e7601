/// How a failing event is tried again: exponential delays with full jitter, and a limit.
///
/// Full jitter, as in Marc Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): the delay is drawn
/// evenly from zero to the exponential bound, so that replicas do not try again at one moment.
public struct RetryPolicy: Hashable, Sendable {
    /// Number of failed attempts after which the event is a dead letter.
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

/// The waits between attempts at something that fails for reasons of its own: they grow with each failure, and are spread
/// over the upper half of their bound, so that replicas do not try at one moment.
///
/// | state | input | next state |
/// |---|---|---|
/// | no failure | ``failed()`` | one failure; the bound is the initial delay |
/// | failures | ``failed()`` | one more; the bound doubles up to the longest delay |
/// | failures | ``succeeded()`` | no failure |
package struct Backoff: Hashable, Sendable {
    private let policy: RetryPolicy
    /// How many attempts in a row have failed.
    package private(set) var failures = 0

    package init(initialDelay: Duration = .milliseconds(250), maxDelay: Duration) {
        policy = RetryPolicy(initialDelay: initialDelay, maxDelay: maxDelay)
    }

    /// An attempt has failed. Returns the bound of the wait.
    package mutating func failed() -> Duration {
        failures += 1
        return policy.bound(beforeAttempt: failures + 1)
    }

    /// An attempt has succeeded.
    package mutating func succeeded() { failures = 0 }

    /// A wait in the upper half of a bound; `jitter` is a number in `0..<1`.
    package static func wait(upTo bound: Duration, jitter: Double) -> Duration { bound / 2 + bound / 2 * jitter }
}
