package import TertibCore
import TertibRuntime

/// Reads what replicas log, which a test with processes reports.
package struct LogOracle: Oracle {
    package let id = "I11"
    package let name = "logs-are-safe"
    package let statement = "no log shows a secret, a payload, or control characters from an id"
    private let hidden: [String: String]
    private let forgedLine: String?

    /// - Parameters:
    ///   - hidden: Texts that no log may show, each with what it is.
    ///   - forgedLine: How a line would begin that an id has forged.
    package init(hidden: [String: String], forgedLine: String?) {
        self.hidden = hidden
        self.forgedLine = forgedLine
    }

    package mutating func observe(_ observation: Observation) -> String? {
        guard case .logged(let bytes, let number, let log) = observation else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        let isForged = forgedLine.map(text.hasPrefix) ?? false
        if bytes.contains(0x1B) || bytes.contains(0x0D) || isForged {
            return "line \(number) of \(log)'s log has control characters from an id"
        }
        return hidden.first { text.contains($0.key) }.map { "line \(number) of \(log)'s log shows \($0.value)" }
    }
}

/// Compares what `audit` reports with what is known about the aggregates.
package struct AuditOracle: Oracle {
    package let id = "I12"
    package let name = "audit-agrees"
    package let statement = "the audit reports the aggregates that are stopped, and no other"
    private let stopped: Set<AggregateType>

    /// - Parameter stopped: Types whose aggregates may be stopped.
    package init(stopped: Set<AggregateType>) {
        self.stopped = stopped
    }

    package mutating func observe(_ observation: Observation) -> String? {
        guard case .audited(let audit) = observation else { return nil }
        if let found = audit.reported.first(where: { !stopped.contains($0.aggregate.type) }) {
            return "the audit says that \(found.aggregate) is \(found.reason)"
        }
        if audit.lagging > 0 { return "the audit finds \(audit.lagging) lagging" }
        guard audit.aggregates != audit.expectedAggregates else { return nil }
        return "the audit finds \(audit.aggregates) aggregates, the stream has \(audit.expectedAggregates)"
    }
}

/// A consumer stays with the stream that its watermarks are about.
package struct StreamOracle: Oracle {
    package let id = "S"
    package let name = "stays-with-its-stream"
    package let statement = "nothing of a stream that was created anew takes effect or is kept, and its consumers stop"
    private var isRecreated = false
    private var known: Set<LedgerEntry> = []
    private var foreign: Set<LedgerEntry> = []

    package init() {}

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .recreated: isRecreated = true
        case .stored(_, let event?):
            let entry = LedgerEntry(event)
            if !isRecreated { known.insert(entry) } else if !known.contains(entry) { foreign.insert(entry) }
        case .committed(let commit) where isRecreated:
            for change in commit.changes {
                if let entry = change.applied.first(where: { foreign.contains($0) }) {
                    return "\(entry) of another stream took effect"
                }
                let parked = change.parked.lazy.map { row in
                    LedgerEntry(aggregate: row.aggregate, version: row.version, eventID: row.eventID)
                }
                if let entry = parked.first(where: { foreign.contains($0) }) {
                    return "\(entry) of another stream is parked"
                }
            }
        case .rest(let rest) where isRecreated && !rest.isStopped:
            return "a consumer goes on although its stream is another one"
        default: break
        }
        return nil
    }
}

/// Repeats what an engine has seen that does not go on.
package struct EndsOracle: Oracle {
    package let id = "E"
    package let name = "ends"
    package let statement = "the run can always go on and comes to its end, and no replica ends or fails by itself"

    package init() {}

    package mutating func observe(_ observation: Observation) -> String? {
        guard case .halted(let reason) = observation else { return nil }
        return reason
    }
}
