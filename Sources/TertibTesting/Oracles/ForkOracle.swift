import TertibCore
import TertibRuntime

/// What arrives when later versions have been applied already cannot be told from a duplicate by its version; then
/// whichever came first stands, and only a comparison of contents shows it. Of versions that the stream has lost an event
/// of, it cannot be known which replica has seen it. The model checker does not keep the order of acknowledgements, so it
/// reports no effects but those at the watermarks, above which nothing comes too late.
package struct ForkOracle: Oracle {
    package let id = "I10"
    package let name = "no-fork-is-silent"
    package let statement =
        "of two events of one version the one that was stored first takes effect, or the aggregate is quarantined, "
        + "and only then"
    private let isOrderly: Bool
    private var stored: [EventVersion: [(id: EventID, sequence: StreamSequence)]] = [:]
    private var applied: [EventVersion: EventID] = [:]
    private var cameTooLate: Set<EventVersion> = []
    private var unknowable: Set<EventVersion> = []

    package init(isOrderly: Bool = false) {
        self.isOrderly = isOrderly
    }

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .stored(let message, let event?):
            let key = EventVersion(event.aggregate, event.version)
            if unknowable.contains(key) || stored[key]?.contains(where: { $0.id == event.id }) == true { return nil }
            stored[key, default: []].append((event.id, message.sequence))
        case .trimmed(let first): forget { $0 < first }
        case .lostTail(let last): forget { $0 > last }
        case .committed(let commit):
            for entry in commit.changes.flatMap(\.applied) { applied[entry.key] = entry.eventID }
        case .acknowledged(let answer):
            guard let event = answer.event, let watermark = answer.watermark, event.version < watermark.version else {
                return nil
            }
            let key = EventVersion(event.aggregate, event.version)
            if let known = applied[key], known != event.id { cameTooLate.insert(key) }
        case .rest(let rest): return rest.isStopped ? nil : judge(rest)
        default: break
        }
        return nil
    }

    /// A replica that has seen a message that is gone knows the event's place by it, and another one cannot.
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
        guard let known = row.eventID, let places = stored[EventVersion(row.aggregate, row.version)],
            let first = places.first
        else { return nil }
        let dead = Set(letters.map(\.eventID))
        if let silent = places.first(where: { $0.id != known && !dead.contains($0.id) }) {
            return "\(row.aggregate)@\(row.version) has the effect of \(known), and no dead letter names \(silent.id)"
        }
        if first.id != known, row.status != .quarantined {
            return "\(row.aggregate)@\(row.version) has the effect of \(known), \(first.id) stands before it, and the "
                + "aggregate is not quarantined"
        }
        if first.id == known, row.status == .quarantined, letters.allSatisfy({ $0.reason == .forked }) {
            return "\(row.aggregate) is quarantined, and \(known), which it has, stands before the other event of "
                + "version \(row.version)"
        }
        return isOrderly && places.count > 1 ? firstNeedless(letters, of: row) : nil
    }

    /// A fork makes one dead letter for each event, however many copies of it come after it; only a copy that stands
    /// before those known says something new. The event that has taken effect may have one too: when a copy of it came
    /// first, of a higher sequence than the other event's.
    private func firstNeedless(_ letters: [DeadLetter], of row: Watermark) -> String? {
        let sorted = letters.sorted { $0.firstFailedAt < $1.firstFailedAt }
        for (letter, next) in Dictionary(grouping: sorted, by: \.eventID).values.flatMap({ zip($0, $0.dropFirst()) })
        where letter.streamSequence <= next.streamSequence {
            return "\(row.aggregate) has a second dead letter for a copy that stands behind the first"
        }
        guard letters.contains(where: { $0.reason != .forked || $0.version != row.version }) else { return nil }
        return "\(row.aggregate) has two events of version \(row.version), and other dead letters"
    }

    /// Versions below the watermarks, where what has come too late is exempt.
    private func firstWrongBranch(besides watermarks: [Watermark]) -> String? {
        let standing = Set(watermarks.map { EventVersion($0.aggregate, $0.version) })
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
