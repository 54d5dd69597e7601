import TertibCore
import TertibRuntime

/// What a stream in memory allows and remembers.
public struct MemoryStreamSettings: Hashable, Sendable {
    /// Whether an expected last sequence is enforced: replicated streams of servers before 2.9.21 do not.
    public var enforcesExpectations = true
    /// How long messages are kept; `nil` for ever.
    public var maximumAge: Duration?
    /// At most so many messages; further ones are refused.
    public var maximumMessages: Int?
    /// At most so many bytes of headers and body.
    public var maximumMessageSize = 1 << 20
    /// How long a message id is remembered.
    public var duplicateWindow: Duration = .seconds(120)

    /// Creates JetStream's defaults.
    public init() {}
}

/// What goes wrong between a stream in memory and its clients.
public struct MemoryLogFaults: Hashable, Sendable {
    /// So many of the next publishes are stored, and their answers lost: ``PublishOutcome/unknown(_:)``.
    public var lostPublishAnswers = 0
    /// So many of the next publishes are lost on the way: unknown too, and not stored.
    public var lostPublishes = 0
    /// The chance that the answer to a delivery is lost, from 0 to 1.
    public var answerLoss = 0.0
    /// The chance that a delivery is followed by a second one of the same message at once.
    public var duplication = 0.0
    /// New messages are delivered in an order drawn from so many at a time; 1 is the stream's order.
    public var shuffleWindow = 1
    /// How many of the last messages a read from any replica does not see yet.
    public var replicaLag = 0

    /// Creates a world without faults.
    public init() {}
}
