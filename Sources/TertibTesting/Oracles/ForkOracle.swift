import TertibRuntime
import TertibCore

/// No fork is silent: of two events of one version a consumer that has taken part in it has the one that the stream stored
/// first, or its aggregate is quarantined; and it is not quarantined for a fork where it has the first.
///
/// What arrives when later versions have been applied already cannot be told from a duplicate by its version; then
/// whichever came first stands, and only a comparison of contents shows it. Of versions that the stream has lost an event
/// of, nobody can say who has seen it. In the explorer nobody keeps the order of acknowledgements, so that it learns of no
/// effect but those at the watermarks, above which nothing comes too late.
public struct ForkOracle: Oracle {
    /// `no-fork-is-silent`
    public let name = "no-fork-is-silent"
    /// What it says in lists.
    public let statement =
        "of two events of one version the one that was stored first takes effect, or the aggregate is quarantined, "
        + "and only then"
    private var stored: [Key: [Place]] = [:]
    private var applied: [Key: EventID] = [:]
    private var cameTooLate: Set<Key> = []
    private var unknowable: Set<Key> = []

    private struct Key: Hashable {
        let aggregate: Aggregate
        let version: AggregateVersion
    }

    private struct Place {
        let id: EventID
        let sequence: StreamSequence
    }

    /// Creates an oracle that knows no fork.
    public init() {}

    /// Learns of versions that two events have, and of what became of them, and judges the rest.
    public mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .stored(let message, let event?):
            let key = Key(aggregate: event.aggregate, version: event.version)
            if unknowable.contains(key) || stored[key]?.contains(where: { $0.id == event.id }) == true { return nil }
            stored[key, default: []].append(Place(id: event.id, sequence: message.sequence))
        case .trimmed(let first): forget { $0 < first }
        case .lostTail(let last): forget { $0 > last }
        case .committed(let commit):
            for change in commit.changes {
                for entry in change.applied {
                    applied[Key(aggregate: entry.aggregate, version: entry.version)] = entry.eventID
                }
            }
        case .acknowledged(let answer):
            guard let event = answer.event, let watermark = answer.watermark, event.version < watermark.version else {
                return nil
            }
            let key = Key(aggregate: event.aggregate, version: event.version)
            if let known = applied[key], known != event.id { cameTooLate.insert(key) }
        case .rest(let rest): return rest.isStopped ? nil : judge(rest)
        default: break
        }
        return nil
    }

    /// Who has seen a message that is gone knows the event's place by it, and who has not cannot.
    private mutating func forget(_ isGone: (StreamSequence) -> Bool) {
        for (key, places) in stored where places.contains(where: { isGone($0.sequence) }) {
            stored[key] = nil
            unknowable.insert(key)
        }
    }

    private func judge(_ rest: RestObservation) -> String? {
        let letters = Dictionary(grouping: rest.deadLetters, by: \.aggregate)
        for row in rest.watermarks.sorted(by: { $0.aggregate < $1.aggregate }) {
            if let finding = judge(row, letters[row.aggregate] ?? []) { return finding }
        }
        return firstWrongBranch(besides: rest.watermarks)
    }

    /// The version at a watermark, above which nothing comes too late.
    private func judge(_ row: Watermark, _ letters: [DeadLetter]) -> String? {
        guard let known = row.eventID,
            let places = stored[Key(aggregate: row.aggregate, version: row.version)], let first = places.first
        else { return nil }
        let told = Set(letters.map(\.eventID))
        if let silent = places.first(where: { $0.id != known && !told.contains($0.id) }) {
            return
                "\(row.aggregate)@\(row.version) has the effect of \(known), and no dead letter tells of \(silent.id)"
        }
        if first.id != known, row.status != .quarantined {
            return "\(row.aggregate)@\(row.version) has the effect of \(known), \(first.id) stands before it, and the "
                + "aggregate is not quarantined"
        }
        if first.id == known, row.status == .quarantined, letters.allSatisfy({ $0.reason == .forked }) {
            return "\(row.aggregate) is quarantined, and \(known), which it has, stands before the other event of "
                + "version \(row.version)"
        }
        return nil
    }

    /// Versions below the watermarks, where what has come too late is exempt.
    private func firstWrongBranch(besides watermarks: [Watermark]) -> String? {
        let standing = Set(watermarks.map { Key(aggregate: $0.aggregate, version: $0.version) })
        let forks = stored.filter { $0.value.count > 1 && !standing.contains($0.key) }
        for (key, places) in forks.sorted(by: {
            ($0.key.aggregate, $0.key.version) < ($1.key.aggregate, $1.key.version)
        }) {
            guard let known = applied[key], known != places[0].id, !cameTooLate.contains(key) else { continue }
            return
                "\(key.aggregate)@\(key.version) has the effect of \(known), \(places[0].id) stands before it, and the "
                + "aggregate has gone on"
        }
        return nil
    }
}
