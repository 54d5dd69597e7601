import TertibRuntime
import TertibCore

/// Nothing is acknowledged before its outcome has committed, and no event for another one of its version; and what was
/// acknowledged is never lost by a later commit.
///
/// Both engines tell of every acknowledgement and of every commit.
public struct AcknowledgementOracle: Oracle {
    /// `acknowledged-after-commit`
    public let name = "acknowledged-after-commit"
    /// What it says in lists.
    public let statement =
        "what is acknowledged is applied, parked or a dead letter, at that moment and ever after"

    /// What was acknowledged and may still be lost: by version, as nothing below the watermark is.
    private var open: [Aggregate: [AggregateVersion: [Acknowledged]]] = [:]

    private struct Acknowledged: Hashable {
        let event: EventID
        let sequence: StreamSequence
    }

    /// Creates an oracle.
    public init() {}

    /// Judges each acknowledgement by what the database has at that moment, and each commit by what was acknowledged.
    public mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .acknowledged(let answer):
            guard answer.isWanted else { return nil }
            if let event = answer.event {
                let fact = Acknowledged(event: event.id, sequence: answer.delivery.sequence)
                open[event.aggregate, default: [:]][event.version, default: []].append(fact)
            }
            return answer.isDeadLetter ? nil : judge(answer)
        case .committed(let commit):
            for change in commit.changes {
                if let fault = judge(change) { return fault }
            }
            return nil
        default: return nil
        }
    }

    private func judge(_ answer: AcknowledgementObservation) -> String? {
        guard let event = answer.event else {
            return "the malformed message \(answer.delivery.sequence) is acknowledged and no dead letter"
        }
        if let parked = answer.parked {
            guard parked != event.id else { return nil }
            return "\(event.id) is acknowledged, and its version is parked as \(parked)"
        }
        guard let watermark = answer.watermark, event.version <= watermark.version else {
            let version = answer.watermark?.version ?? .none
            return "\(event.aggregate)@\(event.version) is acknowledged and not kept, at version \(version)"
        }
        if watermark.version == event.version, let applied = watermark.eventID, applied != event.id {
            return "\(event.id) is acknowledged as if it were \(applied), which has its version"
        }
        return nil
    }

    private mutating func judge(_ change: CommitObservation.Change) -> String? {
        guard var versions = open[change.aggregate], let after = change.after else { return nil }
        // What is below the watermark cannot be told from a duplicate any more.
        versions = versions.filter { $0.key >= after.version }
        open[change.aggregate] = versions
        for (version, facts) in versions.sorted(by: { $0.key < $1.key }) {
            for fact in facts where !isKept(fact, of: version, change, after) {
                return "\(fact.event) was acknowledged, and the database does not have it any more"
            }
        }
        return nil
    }

    private func isKept(
        _ fact: Acknowledged, of version: AggregateVersion, _ change: CommitObservation.Change, _ after: Watermark
    ) -> Bool {
        if version == after.version, after.eventID == nil || after.eventID == fact.event { return true }
        return change.parked.contains { $0.version == version && $0.eventID == fact.event }
            || change.deadLetters.contains {
                $0.streamSequence == fact.sequence || $0.version == version && $0.eventID == fact.event
            }
    }
}
