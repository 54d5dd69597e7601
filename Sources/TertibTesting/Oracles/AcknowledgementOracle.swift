import Tertib
import TertibCore

/// Nothing is acknowledged before its outcome has committed, and no event for another one of its version.
public struct AcknowledgementOracle: Oracle {
    /// `acknowledged-after-commit`
    public let name = "acknowledged-after-commit"

    /// Creates an oracle.
    public init() {}

    /// Judges each acknowledgement by what the database has at that moment.
    public mutating func observe(_ observation: Observation) -> String? {
        guard case .acknowledged(let answer) = observation, answer.isWanted else { return nil }
        if answer.isDeadLetter { return nil }
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
}
