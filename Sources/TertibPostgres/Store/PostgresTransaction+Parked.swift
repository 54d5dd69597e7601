import TertibRuntime
import TertibCore

extension ParkedEvent {
    /// The columns that ``init(_:)`` reads, in its order, of a table called `p`.
    static let columns = """
        p.aggregate_type, p.aggregate_id, p.version, p.event_id, p.stream_sequence, p.envelope, p.reason, p.parked_at,
        p.attempts, p.next_attempt_at, p.error
        """

    init(_ row: ResultRow) throws(StoreError) {
        self.init(
            aggregate: try row.aggregate(0), version: try row.version(2), eventID: try row.identity(3),
            streamSequence: try row.sequence(4), stored: try row.bytes(5), reason: try row.word(6),
            parkedAt: try row.time(7), attempts: Int(try row.integer(8)), nextAttemptAt: try row.optionalTime(9),
            error: try row.optionalText(10))
    }

    fileprivate var key: ParkedKey { ParkedKey(aggregate: aggregate, version: version) }
}

extension PostgresTransaction {
    private static let selectParked = """
        SELECT \(ParkedEvent.columns) FROM tertib_parked AS p
        WHERE p.consumer = $1 AND p.aggregate_type = $2 AND p.aggregate_id = $3 AND p.version >= $4
        ORDER BY p.version LIMIT $5
        """
    private static let selectParkedOfEach = """
        SELECT p.* FROM unnest($2::text[], $3::text[], $4::bigint[]) AS w (aggregate_type, aggregate_id, version)
        CROSS JOIN LATERAL (
            SELECT \(ParkedEvent.columns) FROM tertib_parked AS p
            WHERE p.consumer = $1 AND p.aggregate_type = w.aggregate_type AND p.aggregate_id = w.aggregate_id
                AND p.version > w.version
            ORDER BY p.version LIMIT $5) AS p
        """
    private static let selectParkedAt = """
        SELECT \(ParkedEvent.columns) FROM unnest($2::text[], $3::text[], $4::bigint[]) AS w (
            aggregate_type, aggregate_id, version)
        JOIN tertib_parked AS p ON p.consumer = $1
            AND p.aggregate_type = w.aggregate_type AND p.aggregate_id = w.aggregate_id AND p.version = w.version
        """
    private static let insertParked = """
        INSERT INTO tertib_parked AS p (
            consumer, aggregate_type, aggregate_id, version, event_id, stream_sequence, envelope, reason, parked_at,
            attempts, next_attempt_at, error)
        SELECT $1, w.* FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::bytea[],
            $8::text[], $9::timestamptz[], $10::bigint[], $11::timestamptz[], $12::text[]) AS w
        """
    private static let orKeepParked = " ON CONFLICT DO NOTHING RETURNING p.aggregate_type, p.aggregate_id, p.version"
    private static let orReplaceParked = """
         ON CONFLICT (consumer, aggregate_type, aggregate_id, version) DO UPDATE SET
            event_id = excluded.event_id, stream_sequence = excluded.stream_sequence, envelope = excluded.envelope,
            reason = excluded.reason, parked_at = excluded.parked_at, attempts = excluded.attempts,
            next_attempt_at = excluded.next_attempt_at, error = excluded.error
        """
    /// Brings what the watermark repeats of the parked rows up to date, where rows have only been added; see
    /// ``Schema``.
    private static let extendSummary = """
        UPDATE tertib_watermark AS m SET
            lowest_parked = least(m.lowest_parked, w.lowest), oldest_parked_at = least(m.oldest_parked_at, w.oldest)
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::timestamptz[]) AS w (
            aggregate_type, aggregate_id, lowest, oldest)
        WHERE m.consumer = $1 AND m.aggregate_type = w.aggregate_type AND m.aggregate_id = w.aggregate_id
            AND (m.lowest_parked IS NULL OR m.lowest_parked > w.lowest OR m.oldest_parked_at > w.oldest)
        """
    private static let summarizeParked = """
        UPDATE tertib_watermark SET (lowest_parked, oldest_parked_at) = (
            SELECT min(version), min(parked_at) FROM tertib_parked
            WHERE consumer = $1 AND aggregate_type = $2 AND aggregate_id = $3)
        WHERE consumer = $1 AND aggregate_type = $2 AND aggregate_id = $3
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

    func parked(
        _ consumer: ConsumerName, of aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) throws -> [ParkedEvent] {
        try perform("read the parked events of \(aggregate)") {
            try readAhead(consumer, with: aggregate, limit: limit)
            if let page = parkedKnowledge.page(consumer, aggregate, from: version, limit: limit) { return page }
            return try runner.rows(
                Self.selectParked,
                [.text(consumer.text)] + Parameter.key(of: aggregate) + [.bigint(version.number), .bigint(limit)],
                ParkedEvent.init)
        }
    }

    func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        guard !events.isEmpty else { return [] }
        return try perform("park events") {
            var inserted = Set(
                try runner.rows(Self.insertParked + Self.orKeepParked, Self.values(consumer, events)) { row in
                    ParkedKey(aggregate: try row.aggregate(0), version: try row.version(2))
                })
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

    func replaceParked(_ consumer: ConsumerName, _ event: ParkedEvent) throws {
        try perform("write a parked event of \(event.aggregate)") {
            parkedKnowledge.parked(event)
            try runner.execute(Self.insertParked + Self.orReplaceParked, Self.values(consumer, [event]))
            try runner.execute(Self.summarizeParked, [.text(consumer.text)] + Parameter.key(of: event.aggregate))
        }
    }

    func deleteParked(
        _ consumer: ConsumerName, of aggregate: Aggregate, through version: AggregateVersion
    ) throws -> Int {
        try perform("delete the parked events of \(aggregate)") {
            let values = [.text(consumer.text)] + Parameter.key(of: aggregate) + [.bigint(version.number)]
            if let count = parkedKnowledge.deleted(consumer, aggregate, through: version) {
                if count > 0 { try runner.enqueue(Self.deleteParked, values, for: .draining(aggregate)) }
                return count
            }
            return try runner.first(Self.deleteParked, values) { Int(try $0.integer(0)) } ?? 0
        }
    }

    /// The first who asks has the rows of all claimed aggregates read.
    private func readAhead(_ consumer: ConsumerName, with aggregate: Aggregate, limit: Int) throws {
        let watermarks = parkedKnowledge.readAhead(consumer, with: aggregate, limit: limit)
        guard !watermarks.isEmpty else { return }
        let rows = try runner.rows(
            Self.selectParkedOfEach,
            [.text(consumer.text)] + Parameter.keys(of: watermarks.map(\.aggregate)) + [
                .bigints(watermarks.map(\.version.number)), .bigint(limit),
            ], ParkedEvent.init)
        parkedKnowledge.read(rows, of: watermarks, limit: limit)
    }

    func parkedCount(_ consumer: ConsumerName) throws -> Int {
        try perform("count the parked events") {
            try runner.first(
                "SELECT count(*) FROM tertib_parked WHERE consumer = $1", [.text(consumer.text)]
            ) { Int(try $0.integer(0)) } ?? 0
        }
    }

    private func read(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        try runner.rows(
            Self.selectParkedAt,
            [.text(consumer.text)] + Parameter.keys(of: events.map(\.aggregate)) + [
                .bigints(events.map(\.version.number))
            ], ParkedEvent.init)
    }

    private func extendSummaries(_ consumer: ConsumerName, by events: [ParkedEvent]) throws {
        let groups = Dictionary(grouping: events, by: \.aggregate).sorted { $0.key < $1.key }
        try runner.execute(
            Self.extendSummary,
            [.text(consumer.text)] + Parameter.keys(of: groups.map(\.key)) + [
                .bigints(groups.map { $0.value.map(\.version.number).min() }),
                .times(groups.map { $0.value.map(\.parkedAt).min() }),
            ])
    }

    private static func values(_ consumer: ConsumerName, _ events: [ParkedEvent]) -> [Parameter] {
        [.text(consumer.text)] + Parameter.keys(of: events.map(\.aggregate)) + [
            .bigints(events.map(\.version.number)), .texts(events.map(\.eventID.text)),
            .bigints(events.map(\.streamSequence.column)), .byteStrings(events.map(\.stored)),
            .texts(events.map(\.reason.rawValue)), .times(events.map(\.parkedAt)),
            .bigints(events.map { Int64($0.attempts) }), .times(events.map(\.nextAttemptAt)),
            .texts(events.map(\.error)),
        ]
    }
}

/// What identifies a parked row of one consumer.
private struct ParkedKey: Hashable {
    let aggregate: Aggregate
    let version: AggregateVersion
}
