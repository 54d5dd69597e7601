/// What one transaction has to bring to an outcome, put in order once, before the transaction begins.
///
/// An arrival is named by its index in ``arrivals``, which keep the order in which they came, so that whatever lies
/// beside them (what applies each of them, say) is found by the same index. An aggregate is a range of positions in the
/// order of application.
package struct Batch: Hashable, Sendable {
    /// An aggregate of the batch.
    struct Group: Hashable, Sendable {
        let aggregate: Aggregate
        /// The positions of its arrivals, by version, then by stream sequence.
        let positions: Range<Int>
        /// Whether it is to be examined although nothing arrived: a retry is due, or a drain is left over.
        let isWake: Bool
    }

    /// The decoded events, in the order in which they came.
    package let arrivals: [Arrival]
    /// The messages that break the wire contract.
    package let malformed: [MalformedArrival]
    /// Which of ``malformed`` belong to this batch: all, unless it is a unit of another batch.
    package private(set) var malformedIndices: Range<Int>
    /// Indices of arrivals in the order of application.
    private(set) var order: [Int]
    /// The aggregates, in byte order: the order in which their rows are claimed.
    private(set) var groups: [Group]
    /// By index, which arrivals may wait in memory if nothing else of their aggregate waits; empty when none may.
    private let holdable: [Bool]

    /// Puts a batch in order.
    /// - Parameters:
    ///   - wakes: Aggregates to examine although nothing arrived for them.
    ///   - holdable: For each arrival whether it may wait in memory; empty when none may.
    package init(
        arrivals: [Arrival] = [], malformed: [MalformedArrival] = [], wakes: Set<Aggregate> = [],
        holdable: [Bool] = []
    ) {
        precondition(holdable.isEmpty || holdable.count == arrivals.count, "one answer for each arrival")
        self.arrivals = arrivals
        self.malformed = malformed
        self.holdable = holdable
        malformedIndices = malformed.indices
        let keys = ApplicationKey.sorted(arrivals)
        order = keys.map(\.index)
        groups = []
        var awake = wakes.sorted()[...]
        var start = 0
        while start < keys.count {
            let aggregate = arrivals[keys[start].index].envelope.aggregate
            let end = keys[start...].firstIndex { !$0.hasAggregate(of: keys[start], in: arrivals) } ?? keys.count
            while let wake = awake.first, wake < aggregate {
                groups.append(Group(aggregate: wake, positions: start..<start, isWake: true))
                awake.removeFirst()
            }
            let isWake = awake.first == aggregate
            if isWake { awake.removeFirst() }
            groups.append(Group(aggregate: aggregate, positions: start..<end, isWake: isWake))
            start = end
        }
        groups += awake.map { Group(aggregate: $0, positions: start..<start, isWake: true) }
    }

    /// Whether there is nothing to do.
    package var isEmpty: Bool { groups.isEmpty && malformedIndices.isEmpty }

    /// How many deliveries it holds.
    package var count: Int { order.count + malformedIndices.count }

    /// The batch in its smallest parts: each malformed message, each arrival in the order of application, each aggregate
    /// to be examined. Indices keep their meaning in all of them.
    package var units: [Batch] {
        var nothing = self
        (nothing.order, nothing.groups, nothing.malformedIndices) = ([], [], 0..<0)
        var units = malformedIndices.map { index in
            var unit = nothing
            unit.malformedIndices = index..<index + 1
            return unit
        }
        for group in groups {
            units += group.positions.map { position in
                var unit = nothing
                unit.order = [order[position]]
                unit.groups = [Group(aggregate: group.aggregate, positions: 0..<1, isWake: false)]
                return unit
            }
        }
        units += groups.filter(\.isWake).map { group in
            var unit = nothing
            unit.groups = [Group(aggregate: group.aggregate, positions: 0..<0, isWake: true)]
            return unit
        }
        return units
    }

    /// The indices of the arrivals that belong to this batch, in the order of application.
    package var indices: [Int] { order }

    func arrival(at position: Int) -> Arrival { arrivals[order[position]] }

    func version(at position: Int) -> AggregateVersion { arrivals[order[position]].envelope.version }

    func mayHold(_ index: Int) -> Bool { !holdable.isEmpty && holdable[index] }

    /// How an arrival's version stands to its aggregate's watermark.
    func verdict(at position: Int, against watermark: Watermark) -> Verdict {
        let index = order[position]
        return Verdict(
            version: arrivals[index].envelope.version, eventID: arrivals[index].envelope.id,
            sequence: arrivals[index].sequence, against: watermark)
    }
}

/// What orders an arrival within its batch, taken out of it once: comparing the arrivals themselves would copy two of them
/// for each comparison.
private struct ApplicationKey {
    /// The rank of its aggregate type among those of the batch.
    let type: Int
    /// The first 16 bytes of its aggregate's id, which has no zero byte, filled up with zeros.
    let id: (UInt64, UInt64)
    /// Whether the id goes on after them.
    let isLong: Bool
    let version: Int64
    let sequence: UInt64
    let index: Int

    /// The keys of arrivals in the order of application: by aggregate, version, stream sequence.
    static func sorted(_ arrivals: [Arrival]) -> [ApplicationKey] {
        var types: [AggregateType] = []
        for index in arrivals.indices where !types.contains(arrivals[index].envelope.aggregate.type) {
            types.append(arrivals[index].envelope.aggregate.type)
        }
        types.sort()
        var keys = arrivals.indices.map { index in
            ApplicationKey(
                index: index, type: types.firstIndex(of: arrivals[index].envelope.aggregate.type) ?? 0,
                id: arrivals[index].envelope.aggregate.id, version: arrivals[index].envelope.version,
                sequence: arrivals[index].sequence)
        }
        keys.sort { $0.isBefore($1, in: arrivals) }  // a stable sort
        return keys
    }

    private init(index: Int, type: Int, id: AggregateID, version: AggregateVersion, sequence: StreamSequence) {
        self.index = index
        self.type = type
        self.version = version.number
        self.sequence = sequence.number
        isLong = id.text.utf8.count > 16
        var prefix: (UInt64, UInt64) = (0, 0)
        for (position, byte) in id.text.utf8.prefix(16).enumerated() {
            let shifted = UInt64(byte) << UInt64(56 - position % 8 * 8)
            if position < 8 { prefix.0 |= shifted } else { prefix.1 |= shifted }
        }
        self.id = prefix
    }

    func isBefore(_ other: ApplicationKey, in arrivals: [Arrival]) -> Bool {
        if type != other.type { return type < other.type }
        if id != other.id { return id < other.id }
        if isLong || other.isLong {
            let (own, others) = (arrivals[index].aggregate.id, arrivals[other.index].aggregate.id)
            if own != others { return own < others }
        }
        return (version, sequence) < (other.version, other.sequence)
    }

    func hasAggregate(of other: ApplicationKey, in arrivals: [Arrival]) -> Bool {
        type == other.type && id == other.id
            && (!isLong && !other.isLong
                || arrivals[index].envelope.aggregate.id == arrivals[other.index].envelope.aggregate.id)
    }
}

/// An event that a transaction applies, parks or sets aside.
package enum BatchEvent: Hashable, Sendable {
    /// The arrival of this index in the batch.
    case arrival(Int)
    /// It was parked. Indirect, so that the usual case stays small.
    indirect case parked(ParkedEvent)

    /// Whether it has a row in `tertib_parked`.
    var isParked: Bool {
        switch self {
        case .arrival: false
        case .parked: true
        }
    }

    /// How often its handler has failed before.
    var attempts: Int {
        switch self {
        case .arrival: 0
        case .parked(let row): row.attempts
        }
    }
}

/// Which event a failure is blamed on.
package struct EventKey: Hashable, Sendable {
    package let aggregate: Aggregate
    package let version: AggregateVersion
    package let eventID: EventID

    package init(aggregate: Aggregate, version: AggregateVersion, eventID: EventID) {
        self.aggregate = aggregate
        self.version = version
        self.eventID = eventID
    }
}

extension Batch {
    /// What identifies an event.
    package func key(of event: BatchEvent) -> EventKey {
        switch event {
        case .arrival(let index):
            EventKey(
                aggregate: arrivals[index].aggregate, version: arrivals[index].version,
                eventID: arrivals[index].envelope.id)
        case .parked(let row): EventKey(aggregate: row.aggregate, version: row.version, eventID: row.eventID)
        }
    }

    /// Where the stream has an event.
    func sequence(of event: BatchEvent) -> StreamSequence {
        switch event {
        case .arrival(let index): arrivals[index].sequence
        case .parked(let row): row.streamSequence
        }
    }

    /// The row in which an event waits.
    func parkedRow(of event: BatchEvent, reason: ParkReason, at now: Timestamp) -> ParkedEvent {
        switch event {
        case .arrival(let index): return arrivals[index].parkedRow(reason: reason, at: now)
        case .parked(var row):
            row.reason = reason
            return row
        }
    }
}
