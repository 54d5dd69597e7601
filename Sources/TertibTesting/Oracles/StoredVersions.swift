import TertibRuntime
import TertibCore

/// The versions of aggregates in the order in which a stream stores them, as far as it still has them.
struct StoredVersions: Sendable {
    private struct Place {
        let version: AggregateVersion
        let sequence: StreamSequence
    }

    private var stored: [Aggregate: [Place]] = [:]
    /// What the stream has acknowledged, and lost.
    private var lost: [Aggregate: [Place]] = [:]
    private var firstSequence = StreamSequence(1)
    /// How often the stream was trimmed.
    private(set) var trims = 0

    /// The oldest messages are deleted; that takes no version back.
    mutating func trim(before first: StreamSequence) {
        firstSequence = max(firstSequence, first)
        trims += 1
    }

    /// The stream ends earlier than before, or is another one and ends before its first message.
    mutating func lose(after last: StreamSequence) {
        for (aggregate, places) in stored {
            lost[aggregate, default: []] += places.filter { $0.sequence > last }
            stored[aggregate] = places.filter { $0.sequence <= last }
        }
        firstSequence = min(firstSequence, StreamSequence(last.number + 1))
    }

    /// Adds a version that the stream stores, of a writer that has begun when the stream had been trimmed `since` times.
    /// - Returns: The last one, where this one does not continue it.
    mutating func add(
        _ version: AggregateVersion, of aggregate: Aggregate, at sequence: StreamSequence, since: Int? = nil
    ) -> AggregateVersion? {
        let known = stored[aggregate, default: []]
        stored[aggregate, default: []].append(Place(version: version, sequence: sequence))
        let last = known.last?.version ?? .none
        if version.follows(last) || continuesWhatLooksTrimmed(version, aggregate, known) { return nil }
        if let since, isOfOneWhoStoodStill(version, known, since) { return nil }
        return last
    }

    /// Whether everything that the aggregate had was trimmed since the writer began: it has found an earlier version, and
    /// the broker an empty subject.
    private func isOfOneWhoStoodStill(_ version: AggregateVersion, _ known: [Place], _ since: Int) -> Bool {
        since < trims && known.allSatisfy { $0.sequence < firstSequence }
            && (version == .first || known.contains { version.follows($0.version) })
    }

    /// Whether the version follows one that was lost in a place which the stream has trimmed since, and nothing of the
    /// aggregate is left: then what was lost cannot be told from what was trimmed, and versions go on behind it.
    private func continuesWhatLooksTrimmed(
        _ version: AggregateVersion, _ aggregate: Aggregate, _ known: [Place]
    ) -> Bool {
        guard known.allSatisfy({ $0.sequence < firstSequence }) else { return false }
        return lost[aggregate, default: []].contains { $0.sequence < firstSequence && version.follows($0.version) }
    }
}
