public import Tertib

/// What a supervised replica says about itself: one line of JSON on standard output, a few times a second and at the
/// end. A replica that is killed takes what it did since its last line with it.
public struct ReplicaReport: Hashable, Sendable, Codable {
    /// The counts of its consumers, by their names.
    public var consumers: [String: ConsumerCounts]

    /// Creates a report.
    public init(consumers: [String: ConsumerCounts]) {
        self.consumers = consumers
    }
}
