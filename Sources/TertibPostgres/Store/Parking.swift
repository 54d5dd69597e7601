import TertibCore
import TertibRuntime
import TertibSQL

/// Parked events and dead letters: read and written for many aggregates at once.
extension PostgresTransaction {
    private static let selectParkedOfEach = """
        SELECT p.* FROM unnest($2::text[], $3::text[], $4::bigint[]) AS w (aggregate_type, aggregate_id, version)
        CROSS JOIN LATERAL (
            SELECT \(Tables.parked.list("p")) FROM tertib_parked AS p
            WHERE p.consumer = $1 AND p.aggregate_type = w.aggregate_type AND p.aggregate_id = w.aggregate_id
                AND p.version > w.version
            ORDER BY p.version LIMIT $5) AS p
        """
    private static let selectParkedAt = """
        SELECT \(Tables.parked.list("p")) FROM unnest($2::text[], $3::text[], $4::bigint[]) AS w (
            aggregate_type, aggregate_id, version)
        JOIN tertib_parked AS p ON p.consumer = $1
            AND p.aggregate_type = w.aggregate_type AND p.aggregate_id = w.aggregate_id AND p.version = w.version
        """
    private static let insertParkedRows = """
        INSERT INTO tertib_parked AS p (consumer, \(Tables.parked.list()))
        SELECT $1, w.* FROM \(Tables.parked.unnest(from: 2))
        ON CONFLICT DO NOTHING RETURNING p.aggregate_type, p.aggregate_id, p.version
        """
    /// As ``Statements/summarizeParked`` where rows have only been added, without reading those that were there.
    private static let extendSummary = """
        UPDATE tertib_watermark AS m SET
            lowest_parked = least(m.lowest_parked, w.lowest), oldest_parked_at = least(m.oldest_parked_at, w.oldest)
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::timestamptz[]) AS w (
            aggregate_type, aggregate_id, lowest, oldest)
        WHERE m.consumer = $1 AND m.aggregate_type = w.aggregate_type AND m.aggregate_id = w.aggregate_id
            AND (m.lowest_parked IS NULL OR m.lowest_parked > w.lowest OR m.oldest_parked_at > w.oldest)
        """
    /// One round trip: a statement does not see what its own parts delete, so the rows that stay are named.
    private static let deleteParked = """
        WITH gone AS (
            DELETE FROM tertib_parked
            WHERE consumer = $1 AND aggregate_type = $2 AND aggregate_id = $3 AND version <= $4 RETURNING 1),
        summarized AS (
            UPDATE tertib_watermark SET (lowest_parked, oldest_parked_at) = (
                SELECT min(version), min(parked_at) FROM tertib_parked
                WHERE consumer = $1 AND aggregate_type = $2 AND aggregate_id = $3 AND version > $4)
            WHERE consumer = $1 AND aggregate_type = $2 AND aggregate_id = $3 AND EXISTS (SELECT FROM gone))
        SELECT count(*) FROM gone
        """

    private static let selectOpenDeadLetters = """
        SELECT d.aggregate_type, d.aggregate_id, d.version, d.event_id, d.reason, d.stream_sequence
        FROM unnest($2::text[], $3::text[]) AS w (aggregate_type, aggregate_id)
        JOIN tertib_dead_letter AS d ON d.consumer = $1
            AND d.aggregate_type = w.aggregate_type AND d.aggregate_id = w.aggregate_id
        WHERE d.resolution IS NULL AND d.version IS NOT NULL
        ORDER BY d.first_failed_at, d.stream_sequence
        """

    func parked(
        _ consumer: ConsumerName, of aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) throws -> [ParkedEvent] {
        try perform("read the parked events of \(aggregate)") {
            try readAhead(consumer, with: aggregate, limit: limit)
            if let page = parkedKnowledge.page(consumer, aggregate, from: version, limit: limit) { return page }
            return try runner.rows(Statements.selectParked, cells(consumer, aggregate, version, limit)) {
                try Tables.parked.read($0)
            }
        }
    }

    func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        guard !events.isEmpty else { return [] }
        return try perform("park events") {
            var inserted = Set(
                try runner.rows(
                    Self.insertParkedRows,
                    over: [Parameter(consumer)] + Parameter.arrays(events, of: Tables.parked)
                ) { ParkedKey(aggregate: try $0.value(0), version: try $0.value(2)) })
            // Of one version twice the first was inserted, and the second found it there.
            let parked = events.filter { inserted.remove($0.key) != nil }
            for event in parked { parkedKnowledge.parked(event) }
            if !parked.isEmpty { try extendSummaries(consumer, by: parked) }
            guard parked.count < events.count else { return [] }
            var fresh = Set(parked)
            let there = events.filter { fresh.remove($0) == nil }
            let rows = Dictionary(try read(consumer, there).map { ($0.key, $0) }) { first, _ in first }
            return there.compactMap { rows[$0.key] }
        }
    }

    func rowsChanged(_ event: ParkedEvent) { parkedKnowledge.parked(event) }

    func deleteParked(
        _ consumer: ConsumerName, of aggregate: Aggregate, through version: AggregateVersion
    ) throws -> Int {
        try perform("delete the parked events of \(aggregate)") {
            let values = cells(consumer, aggregate, version)
            if let count = parkedKnowledge.deleted(consumer, aggregate, through: version) {
                if count > 0 { try runner.enqueue(Self.deleteParked, values, for: .draining(aggregate)) }
                return count
            }
            return try runner.count(Self.deleteParked, values)
        }
    }

    /// The first request reads the rows of all claimed aggregates.
    private func readAhead(_ consumer: ConsumerName, with aggregate: Aggregate, limit: Int) throws {
        let watermarks = parkedKnowledge.readAhead(consumer, with: aggregate, limit: limit)
        guard !watermarks.isEmpty else { return }
        let rows = try runner.rows(
            Self.selectParkedOfEach,
            over: [Parameter(consumer)] + Parameter.arrays(watermarks.map(\.aggregate))
                + Parameter.arrays(watermarks.map(\.version)) + [Parameter(limit)]
        ) { try Tables.parked.read($0) }
        parkedKnowledge.read(rows, of: watermarks, limit: limit)
    }

    private func read(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        try runner.rows(
            Self.selectParkedAt,
            over: [Parameter(consumer)] + Parameter.arrays(events.map(\.aggregate))
                + Parameter.arrays(events.map(\.version))
        ) { try Tables.parked.read($0) }
    }

    private func extendSummaries(_ consumer: ConsumerName, by events: [ParkedEvent]) throws {
        let groups = Dictionary(grouping: events, by: \.aggregate).sorted { $0.key < $1.key }
        try runner.execute(
            Self.extendSummary,
            over: [Parameter(consumer)] + Parameter.arrays(groups.map(\.key))
                + Parameter.arrays(groups.map { $0.value.map(\.version).min() })
                + Parameter.arrays(groups.map { $0.value.map(\.parkedAt).min() }))
    }

    func openDeadLetters(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [DeadLetterKey] {
        guard !aggregates.isEmpty else { return [] }
        return try perform("read open dead letters") {
            try runner.rows(
                Self.selectOpenDeadLetters, over: [Parameter(consumer)] + Parameter.arrays(aggregates)
            ) { row in
                var cursor = RowCursor(row)
                return DeadLetterKey(
                    aggregate: try cursor.next(), version: try cursor.next(), eventID: try cursor.next(),
                    reason: try cursor.next(), streamSequence: try cursor.next())
            }
        }
    }
}

/// What identifies a parked row of one consumer.
private struct ParkedKey: Hashable {
    let aggregate: Aggregate
    let version: AggregateVersion
}

extension ParkedEvent {
    fileprivate var key: ParkedKey { ParkedKey(aggregate: aggregate, version: version) }
}

/// The parked rows of the aggregates that a transaction has claimed, as far as it knows them, so that it need not ask for
/// each aggregate on its own. No other transaction adds a row to an aggregate that is claimed.
struct ParkedKnowledge {
    /// Claimed, with parked rows, and not read yet.
    private var unread: [Aggregate: Watermark] = [:]
    /// Read ahead, from the version behind the watermark on, and not asked for yet.
    private var pages: [Aggregate: [ParkedEvent]] = [:]
    /// All versions that are parked, where they are known.
    private var versions: [Aggregate: Set<AggregateVersion>] = [:]
    private var consumer: ConsumerName?
    /// The maximum number of rows that are read ahead at once; they are kept in memory.
    private static let readAheadLimit = 4096

    mutating func claimed(_ consumer: ConsumerName, _ watermarks: [Watermark]) {
        if self.consumer != consumer { self = ParkedKnowledge() }
        self.consumer = consumer
        for watermark in watermarks where watermark.parked > 0 { unread[watermark.aggregate] = watermark }
    }

    /// The rows of an aggregate, if they have been read ahead.
    mutating func page(
        _ consumer: ConsumerName, _ aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) -> [ParkedEvent]? {
        guard self.consumer == consumer, let page = pages.removeValue(forKey: aggregate) else { return nil }
        let rows = page.filter { $0.version >= version }
        // A page that was full may have been cut.
        return page.count < limit ? rows : nil
    }

    /// The aggregates to read together with this one, which has not been read.
    func readAhead(_ consumer: ConsumerName, with aggregate: Aggregate, limit: Int) -> [Watermark] {
        guard self.consumer == consumer, unread[aggregate] != nil else { return [] }
        var room = Self.readAheadLimit
        let others = unread.values.filter { $0.aggregate != aggregate }.sorted { $0.aggregate < $1.aggregate }
        return [unread[aggregate]].compactMap(\.self)
            + others.prefix { watermark in
                room -= min(watermark.parked, limit)
                return room >= 0
            }
    }

    /// Keeps what was read ahead.
    mutating func read(_ rows: [ParkedEvent], of watermarks: [Watermark], limit: Int) {
        let found = Dictionary(grouping: rows, by: \.aggregate)
        for watermark in watermarks {
            let page = (found[watermark.aggregate] ?? []).sorted { $0.version < $1.version }
            unread[watermark.aggregate] = nil
            pages[watermark.aggregate] = page
            // Otherwise there are more of them, or some that no drain reads.
            guard page.count < limit, page.count == watermark.parked else { continue }
            versions[watermark.aggregate] = Set(page.map(\.version))
        }
    }

    /// A row was added.
    mutating func parked(_ event: ParkedEvent) {
        pages[event.aggregate] = nil
        unread[event.aggregate] = nil
        versions[event.aggregate]?.insert(event.version)
    }

    /// Rows are deleted.
    /// - Returns: their number, where it is known.
    mutating func deleted(_ consumer: ConsumerName, _ aggregate: Aggregate, through version: AggregateVersion) -> Int? {
        pages[aggregate] = nil
        unread[aggregate] = nil
        guard self.consumer == consumer, let known = versions[aggregate] else { return nil }
        let left = known.filter { $0 > version }
        versions[aggregate] = left
        return known.count - left.count
    }
}
