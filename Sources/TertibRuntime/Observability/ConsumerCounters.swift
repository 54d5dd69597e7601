import Metrics
import Synchronization
import TertibCore

/// What a consumer has done since it started, in this replica. Every delivery ends in exactly one of
/// ``applied`` (those from deliveries), ``stale``, ``waiting``, ``parked``, ``deadLettered``, ``ignored`` and
/// ``letGo``, or is still in hand.
public struct ConsumerCounts: Hashable, Sendable, Codable {
    /// Deliveries received.
    public var delivered = 0
    /// Events applied, however they came.
    public var applied = 0
    /// Of these: straight from a delivery.
    public var appliedFromDelivery = 0
    /// Of these: after they had been parked.
    public var drained = 0
    /// Of these: after a repair had read them from the stream.
    public var repaired = 0
    /// Of these: after a failure.
    public var retried = 0
    /// Deliveries of events that were applied before.
    public var stale = 0
    /// Deliveries of events that were parked, or dead letters, already.
    public var waiting = 0
    /// Deliveries parked.
    public var parked = 0
    /// Deliveries that became dead letters, malformed ones included.
    public var deadLettered = 0
    /// Of these: malformed.
    public var malformed = 0
    /// Deliveries of aggregate types outside the consumer's.
    public var ignored = 0
    /// Deliveries given back to be delivered again.
    public var letGo = 0
    /// Times a delivery waited in memory for its predecessor.
    public var held = 0
    /// Claims lost to another replica.
    public var conflicts = 0
    /// Transactions committed.
    public var batches = 0
    /// Failures of handlers.
    public var failures = 0
    /// Times the consumer paused: a limit reached, or a database away.
    public var pauses = 0

    /// Nothing yet.
    public init() {}
}

/// Counts, for the process itself and for whatever metrics backend is bootstrapped.
final class ConsumerCounters: Sendable {
    private let counts = Mutex(ConsumerCounts())
    private let deliveries: [Disposition: Counter]
    private let ignoredDeliveries: Counter
    private let letGoDeliveries: Counter
    private let applied: [String: Counter]
    private let conflicts: Counter
    private let failures: Counter
    private let pauses: Counter

    init(consumer: ConsumerName) {
        func counter(_ name: String, _ dimensions: [(String, String)] = []) -> Counter {
            Counter(label: name, dimensions: [("consumer", consumer.text)] + dimensions)
        }
        deliveries = Dictionary(
            uniqueKeysWithValues: Disposition.allCases.filter { $0.isAcknowledged || $0 == .held }.map {
                ($0, counter(MetricName.deliveries, [("outcome", $0.rawValue)]))
            })
        ignoredDeliveries = counter(MetricName.deliveries, [("outcome", "ignored")])
        letGoDeliveries = counter(MetricName.deliveries, [("outcome", "notAcknowledged")])
        applied = Dictionary(
            uniqueKeysWithValues: ["delivery", "drain", "repair", "retry"].map {
                ($0, counter(MetricName.applied, [("origin", $0)]))
            })
        conflicts = counter(MetricName.conflicts)
        failures = counter(MetricName.handlerFailures)
        pauses = counter(MetricName.pauses)
    }

    var snapshot: ConsumerCounts { counts.withLock { $0 } }

    func received(_ count: Int) {
        counts.withLock { $0.delivered += count }
    }

    func ignored(_ count: Int) {
        counts.withLock { $0.ignored += count }
        ignoredDeliveries.increment(by: count)
    }

    func letGo(_ count: Int) {
        counts.withLock { $0.letGo += count }
        letGoDeliveries.increment(by: count)
    }

    func paused() {
        counts.withLock { $0.pauses += 1 }
        pauses.increment()
    }

    /// Counts what a committed transaction did.
    func committed(_ report: BatchReport, of batch: Batch) {
        let outcomes = report.deliveries(of: batch)
        counts.withLock {
            $0.batches += 1
            $0.applied += report.applied
            $0.appliedFromDelivery += report.appliedFromDelivery
            $0.drained += report.drained
            $0.repaired += report.repaired
            $0.retried += report.retried
            $0.stale += outcomes[.stale] ?? 0
            $0.waiting += outcomes[.waiting] ?? 0
            $0.parked += outcomes[.parked] ?? 0
            $0.deadLettered += outcomes[.deadLettered] ?? 0
            $0.held += outcomes[.held] ?? 0
            $0.malformed += report.malformed.count { $0 == .deadLettered }
            $0.conflicts += report.conflicts
            $0.failures += report.failures.count
        }
        for (outcome, count) in outcomes { deliveries[outcome]?.increment(by: count) }
        for (origin, count) in [
            ("delivery", report.appliedFromDelivery), ("drain", report.drained), ("repair", report.repaired),
            ("retry", report.retried),
        ] where count > 0 {
            applied[origin]?.increment(by: count)
        }
        if report.conflicts > 0 { conflicts.increment(by: report.conflicts) }
        if !report.failures.isEmpty { failures.increment(by: report.failures.count) }
    }
}
