import Tertib
import TertibCore

/// Nothing is acknowledged before its outcome has committed.
public struct AcknowledgementOracle: Oracle {
    /// `acknowledged-after-commit`
    public let name = "acknowledged-after-commit"

    /// Creates an oracle.
    public init() {}

    /// Judges each acknowledgement by what the database has at that moment.
    public mutating func observe(_ observation: Observation) -> String? {
        guard case .acknowledged(let answer) = observation, answer.isWanted else { return nil }
        if answer.isParked || answer.isDeadLetter { return nil }
        guard let event = answer.event else {
            return "the malformed message \(answer.delivery.sequence) is acknowledged and no dead letter"
        }
        guard let watermark = answer.watermark, event.version <= watermark.version else {
            let version = answer.watermark?.version ?? .none
            return "\(event.aggregate)@\(event.version) is acknowledged and not kept, at version \(version)"
        }
        return nil
    }
}
