public import TertibCore

/// A port: time. Production uses ``SystemTime``; tests and the simulator move it by hand.
public protocol TimeSource: Sendable {
    /// Time since some fixed moment, never going back: for waits and limits.
    var monotonic: Duration { get }
    /// The wall clock: for rows and people.
    var wall: Timestamp { get }
    /// Returns after `duration`, or throws `CancellationError` at once when the task is cancelled.
    func sleep(for duration: Duration) async throws
}
