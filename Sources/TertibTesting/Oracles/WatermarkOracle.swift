import TertibRuntime
import TertibCore

/// In every committed state: a watermark rises by exactly what took effect with it, and never falls; nothing at or
/// below it is parked; it says how much is parked behind it; and where it says that nothing stands in the way, the next
/// version is not parked.
///
/// Both engines tell of every commit. That a watermark is written only by the transaction that has claimed it, only the
/// explorer tells: a real store refuses it.
public struct WatermarkOracle: Oracle {
    /// `watermarks-contiguous`
    public let name = "watermarks-contiguous"
    /// What it says in lists.
    public let statement =
        "in every committed state a watermark has risen by what took effect with it, and agrees with what is parked"

    private let allowsLeftovers: Bool

    /// Creates an oracle.
    /// - Parameter allowsLeftovers: Whether a transaction may leave the rest of a drain to the sweeper, as one does that
    ///   may apply only so many events; then its aggregate is in a gap although the next version is parked.
    public init(allowsLeftovers: Bool = false) {
        self.allowsLeftovers = allowsLeftovers
    }

    /// Judges each commit by itself.
    public mutating func observe(_ observation: Observation) -> String? {
        if case .wroteUnclaimed(let aggregate) = observation {
            return "\(aggregate) is written by a transaction that has not claimed it"
        }
        guard case .committed(let commit) = observation else { return nil }
        for change in commit.changes {
            if let fault = judge(change) { return fault }
        }
        return nil
    }

    private func judge(_ change: CommitObservation.Change) -> String? {
        let aggregate = change.aggregate
        let before = change.before ?? Watermark(aggregate: aggregate)
        guard let after = change.after else {
            let isUntouched = change.parked.isEmpty && change.applied.isEmpty
            return isUntouched ? nil : "\(aggregate) has rows and no watermark"
        }
        if after.version < before.version { return "\(aggregate) went back from \(before.version) to \(after.version)" }
        let rise = after.version.number - before.version.number
        let versions = change.applied.map(\.version.number).sorted()
        guard rise == Int64(versions.count), versions == (0..<rise).map({ before.version.number + 1 + $0 }) else {
            return "\(aggregate) went from \(before.version) to \(after.version) with the effects of \(versions)"
        }
        let isChanged = change.changesParked || rise > 0 || after.status != before.status
        if isChanged, after.revision <= before.revision {
            return "\(aggregate) was changed and its revision stays \(after.revision)"
        }
        if let row = change.parked.first(where: { $0.version <= after.version }) {
            return "\(aggregate)@\(row.version) is parked although \(after.version) is applied"
        }
        if let row = change.parked.first(where: { row in
            // Of a fork, a copy of the event that stays may have been set aside before its first message came.
            change.deadLetters.contains {
                $0.eventID == row.eventID && $0.version == row.version && $0.reason != .forked
            }
        }) {
            return "\(aggregate)@\(row.version) is parked, and a dead letter too"
        }
        guard after.parked == change.parked.count else {
            return "\(aggregate) says that \(after.parked) rows are parked, and there are \(change.parked.count)"
        }
        return judgeStatus(change, after)
    }

    private func judgeStatus(_ change: CommitObservation.Change, _ after: Watermark) -> String? {
        let aggregate = change.aggregate
        if after.status == .ok, let row = change.parked.first {
            return "\(aggregate) at \(after.version) is ok, and version \(row.version) is parked"
        }
        if after.status == .gap, change.parked.isEmpty {
            return "\(aggregate) at \(after.version) is in a gap, and nothing is parked"
        }
        guard [.gap, .stuck].contains(after.status), !allowsLeftovers, !change.hasLeftovers else { return nil }
        if let row = change.parked.first, row.version.follows(after.version) {
            return "\(aggregate) waits for version \(row.version), which is parked"
        }
        return nil
    }
}
