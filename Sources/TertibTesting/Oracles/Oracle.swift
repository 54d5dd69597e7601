package import TertibCore

/// Checks one statement about a run, on every observation it is given.
///
/// An oracle knows nothing of how the run came about: model checker, simulator and tests with processes each report what
/// they can observe, and an oracle has nothing to say about what it is not told.
package protocol Oracle: Sendable {
    /// Its number: `I1` to `I12` of the invariants, or a letter of its own.
    var id: String { get }
    /// Its name, such as `applied-once`: the same everywhere.
    var name: String { get }
    /// The statement.
    var statement: String { get }
    /// - Returns: what contradicts the statement, in words; `nil` if nothing does.
    mutating func observe(_ observation: Observation) -> String?
}

/// A contradiction that an oracle has found.
public struct Violation: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The oracle's name.
    public var oracle: String
    /// What is wrong.
    public var statement: String
    /// When, in milliseconds from the start; 0 if that is not known.
    public var at: Int

    /// Creates a violation.
    public init(oracle: String, statement: String, at: Int = 0) {
        self.oracle = oracle
        self.statement = statement
        self.at = at
    }

    /// `applied-once: product/1@3 took effect twice`
    public var description: String { "\(oracle): \(statement)" }
}

/// What the oracles have to know about a run.
package struct OracleSettings: Sendable {
    /// The types that the consumer takes; `nil` for all.
    package var types: Set<AggregateType>?
    /// The types that are published through the outbox.
    package var published: Set<AggregateType> = []
    /// The types that are written by append alone.
    package var appended: Set<AggregateType> = []
    /// Maximum number of parked rows of one aggregate.
    package var maxParkedPerAggregate = Int.max
    /// Maximum number of parked rows, including one batch for each replica.
    package var maxParkedInAll = Int.max
    /// Maximum number of megabytes that a process may use.
    package var maxMegabytes = Int.max
    /// Whether a transaction may leave the rest of a drain to the sweeper without saying so.
    package var allowsLeftovers = false
    /// The events whose handlers fail; `nil` if others may be blamed as well.
    package var failing: Set<EventVersion>? = []
    /// Those of them whose handlers always fail.
    package var bad: Set<EventVersion> = []
    /// The number of attempts after which an event is a dead letter.
    package var maxAttempts = 1
    /// The number of ``Observation/handlerFailed(_:)`` that make an event a dead letter.
    package var leastFailures = 1
    /// Whether the stream is as its writers made it: each message is an event, at rest no version is missing, and only
    /// types in ``forked`` have two events of one version. Nothing is trimmed or lost, and clocks are right.
    package var isOrderly = false
    /// In an orderly stream: the types that may have two events of one version.
    package var forked: Set<AggregateType> = []
    /// Types whose aggregates may be stopped, so that the audit reports them.
    package var stopped: Set<AggregateType> = []
    /// Texts that no log may show, each with what it is, such as a secret.
    package var hiddenTexts: [String: String] = [:]
    /// How a log line would begin that was forged by an id.
    package var forgedLine: String?

    package init() {}

    /// All oracles: the one list for every engine, in its order.
    package var oracles: [any Oracle] {
        [
            StateOracle(), AppliedOnceOracle(), WatermarkOracle(allowsLeftovers: allowsLeftovers), DeliveriesOracle(),
            AcknowledgementOracle(), RestOracle(types: types, isOrderly: isOrderly),
            PoisonOracle(failing: failing, bad: bad, maxAttempts: maxAttempts, leastFailures: leastFailures),
            LimitOracle(
                maxParkedPerAggregate: maxParkedPerAggregate, maxParkedInAll: maxParkedInAll,
                maxMegabytes: maxMegabytes),
            PublishedOracle(types: published, isOrderly: isOrderly, forked: forked), ForkOracle(isOrderly: isOrderly),
            LogOracle(hidden: hiddenTexts, forgedLine: forgedLine),
            AuditOracle(stopped: stopped), AppendOracle(types: appended), StreamOracle(), EndsOracle(),
        ]
    }
}

extension [any Oracle] {
    /// Shows an observation to each.
    package mutating func observe(_ observation: Observation, at milliseconds: Int = 0) -> [Violation] {
        var found: [Violation] = []
        for index in indices {
            guard let statement = self[index].observe(observation) else { continue }
            found.append(Violation(oracle: self[index].name, statement: statement, at: milliseconds))
        }
        return found
    }
}
