/// What may go wrong in a world of consumers, or is done by the sweeper: each as often as the scenario says.
package enum Fault: String, Hashable, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
    case crash, duplicate, lostAcknowledgement, conflict, unknownCommit, sweep, failure, giveBack

    var index: Int {
        switch self {
        case .crash: 0
        case .duplicate: 1
        case .lostAcknowledgement: 2
        case .conflict: 3
        case .unknownCommit: 4
        case .sweep: 5
        case .failure: 6
        case .giveBack: 7
        }
    }
}

/// Replicas of one consumer: which events there are, which replicas and sweepers work on them, and what may go wrong.
package struct ConsumerScenario: Scenario {
    /// One message of the stream, at the sequence that is its index plus one.
    package struct Message: Hashable, Sendable, Codable {
        package var aggregate: Int
        package var version: Int
        package var behaviour = Behaviour.applies
        /// Which of several events of this version it is; a message of the same branch is the same event once more.
        package var branch = 0

        package init(_ aggregate: Int, _ version: Int, _ behaviour: Behaviour = .applies, branch: Int = 0) {
            self.aggregate = aggregate
            self.version = version
            self.behaviour = behaviour
            self.branch = branch
        }
    }

    /// What the handler does with an event.
    package enum Behaviour: String, Hashable, Sendable, Codable {
        case applies
        /// Throws each time.
        case fails
        /// Throws now and then, as often as the scenario allows.
        case mayFail
    }

    /// How the database isolates transactions.
    package enum Isolation: String, Hashable, Sendable, Codable {
        /// Statement by statement, with row locks, as PostgreSQL.
        case readCommitted
        /// One writer at a time, as SQLite.
        case oneWriter
    }

    package var name: String
    package var messages: [Message]
    package var faults: [Fault: Int]
    package var replicas: Int
    package var sweepers: Int
    package var isolation: Isolation
    /// Whether a lone event behind a gap may wait in memory.
    package var holds: Bool
    /// Maximum number of events applied to an aggregate in one transaction.
    package var drainLimit: Int
    package var parkedLimit: Int
    package var maxAttempts: Int

    /// Creates a scenario with the messages in the order of the stream.
    package init(
        _ name: String, _ messages: [Message], _ faults: [Fault: Int] = [:], replicas: Int = 2, sweepers: Int = 1,
        isolation: Isolation = .readCommitted, holds: Bool = true, drainLimit: Int = 2048, parkedLimit: Int = 1000,
        maxAttempts: Int = 2
    ) {
        self.name = name
        self.messages = messages
        self.faults = faults
        self.replicas = replicas
        self.sweepers = sweepers
        self.isolation = isolation
        self.holds = holds
        self.drainLimit = drainLimit
        self.parkedLimit = parkedLimit
        self.maxAttempts = maxAttempts
    }

    /// The largest numbers of aggregates, of versions of each, of messages, and of threads (replicas and sweepers).
    package static let limits = (aggregates: 4, versions: 8, messages: 31, threads: 8)

    package var problem: String? {
        let limits = Self.limits
        if messages.isEmpty || messages.count > limits.messages {
            return "a scenario has 1 to \(limits.messages) messages"
        }
        if messages.contains(where: { !(0..<limits.aggregates ~= $0.aggregate) }) {
            return "a scenario has at most \(limits.aggregates) aggregates, from 0"
        }
        if messages.contains(where: { !(1...limits.versions ~= $0.version) }) {
            return "a scenario has versions from 1 to \(limits.versions)"
        }
        if messages.contains(where: { !(0...9 ~= $0.branch) }) { return "a version has at most ten events" }
        if !(1...limits.threads ~= replicas) || !(0...limits.threads ~= sweepers) || threads > limits.threads {
            return "a scenario has at most \(limits.threads) replicas and sweepers, and at least one replica"
        }
        if faults.values.contains(where: { !(0...255 ~= $0) }) { return "a fault happens at most 255 times" }
        if drainLimit < 1 || parkedLimit < 0 || !(1...15 ~= maxAttempts) { return "a limit makes no sense" }
        return nil
    }

    var aggregates: Int { (messages.map(\.aggregate).max() ?? -1) + 1 }
    var threads: Int { replicas + sweepers }

    func allowed(_ fault: Fault) -> Int { faults[fault] ?? 0 }
}
