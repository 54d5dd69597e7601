/// A world small enough to be explored: which events there are, who works on them, and how often what may go wrong.
package struct SmallWorld: Hashable, Sendable, Codable {
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
        /// Throws now and then, as often as the world allows.
        case mayFail
    }

    /// How the database keeps transactions apart.
    package enum Isolation: String, Hashable, Sendable, Codable {
        /// Statement by statement, with row locks.
        case readCommitted
        /// One writer at a time.
        case oneWriter
    }

    /// How often something may go wrong.
    package struct Allowance: Hashable, Sendable, Codable {
        package var crashes = 0
        package var duplicates = 0
        package var lostAcknowledgements = 0
        package var conflicts = 0
        package var unknownCommits = 0
        package var sweeps = 0
        package var failures = 0
        package var returns = 0

        package init() {}
    }

    package var name: String
    package var messages: [Message]
    package var replicas = 2
    package var sweepers = 1
    package var isolation = Isolation.readCommitted
    package var allowance = Allowance()
    /// Whether a lone gap may wait in memory.
    package var holds = true
    package var drainLimit = 2048
    package var parkedLimit = 1000
    package var maxAttempts = 2

    /// Creates a world with the messages in the order of the stream.
    package init(_ name: String, _ messages: [Message]) {
        self.name = name
        self.messages = messages
    }

    /// At most so many aggregates, versions of each, messages, and threads (replicas and sweepers).
    package static let limits = (aggregates: 4, versions: 8, messages: 31, threads: 8)

    /// What makes it too large, or senseless; `nil` when nothing does.
    var fault: String? {
        let limits = Self.limits
        let counts = [
            allowance.crashes, allowance.duplicates, allowance.lostAcknowledgements, allowance.conflicts,
            allowance.unknownCommits, allowance.sweeps, allowance.failures, allowance.returns,
        ]
        if messages.isEmpty || messages.count > limits.messages {
            return "a world has 1 to \(limits.messages) messages"
        }
        if messages.contains(where: { !(0..<limits.aggregates ~= $0.aggregate) }) {
            return "a world has at most \(limits.aggregates) aggregates, from 0"
        }
        if messages.contains(where: { !(1...limits.versions ~= $0.version) }) {
            return "a world has versions from 1 to \(limits.versions)"
        }
        if messages.contains(where: { !(0...9 ~= $0.branch) }) { return "a version has at most ten events" }
        if !(1...limits.threads ~= replicas) || !(0...limits.threads ~= sweepers) || threads > limits.threads {
            return "a world has at most \(limits.threads) replicas and sweepers, and one replica at least"
        }
        if counts.contains(where: { !(0...255 ~= $0) }) { return "what may go wrong, goes wrong at most 255 times" }
        if drainLimit < 1 || parkedLimit < 0 || !(1...15 ~= maxAttempts) { return "a limit makes no sense" }
        return nil
    }

    var aggregates: Int { (messages.map(\.aggregate).max() ?? -1) + 1 }
    var threads: Int { replicas + sweepers }
}
