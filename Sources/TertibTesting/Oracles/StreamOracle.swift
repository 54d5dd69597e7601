import TertibRuntime
import TertibCore

/// A consumer stays with the stream that its watermarks speak of: where the stream was created anew, nothing of the new
/// one takes effect or is kept, and every consumer stops.
public struct StreamOracle: Oracle {
    /// `stays-with-its-stream`
    public let name = "stays-with-its-stream"
    /// What it says in lists.
    public let statement =
        "nothing of a stream that was created anew takes effect or is kept, and its consumers stop"
    private var isRecreated = false
    private var known: Set<LedgerEntry> = []
    private var foreign: Set<LedgerEntry> = []

    /// Creates an oracle that knows one stream.
    public init() {}

    /// Learns what belongs to which stream, and judges commits.
    public mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .recreated:
            isRecreated = true
            return nil
        case .stored(_, let event?):
            let entry = LedgerEntry(aggregate: event.aggregate, version: event.version, eventID: event.id)
            if !isRecreated { known.insert(entry) } else if !known.contains(entry) { foreign.insert(entry) }
            return nil
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
            return nil
        case .rest(let rest) where isRecreated && !rest.isStopped:
            return "a consumer goes on although its stream is another one"
        default: return nil
        }
    }
}
