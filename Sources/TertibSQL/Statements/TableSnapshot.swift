package import TertibCore
package import TertibRuntime

/// A snapshot of a database: the whole of ``StoreReader`` but the user's own queries.
///
/// Nothing here is on the path of an event.
package protocol TableSnapshot: TableAccess, StoreReader {}

extension TableSnapshot {
    package func consumers() throws -> [ConsumerName: ConsumerRegistration] {
        try perform("read the consumers") {
            let rows = try runner.rows(
                "SELECT consumer, \(Tables.consumer.list()) FROM tertib_consumer", []
            ) { row in (try row.value(0, ConsumerName.self), try Tables.consumer.read(row, from: 1)) }
            return Dictionary(rows) { first, _ in first }
        }
    }

    package func summary(_ consumer: ConsumerName, stuckBefore: Timestamp) throws -> ConsumerSummary {
        try perform("count the rows of the consumer \(consumer)") {
            var summary = ConsumerSummary(
                aggregates: 0, parked: 0, oldestParkedAt: nil, stuck: 0, behind: 0, deadLetters: 0, quarantined: 0)
            try runner.forEachRow(
                """
                SELECT count(*),
                    count(*) FILTER (WHERE status = 'stuck' OR {has_gap} AND oldest_parked_at < ?2),
                    count(behind_version),
                    count(*) FILTER (WHERE status = 'quarantined')
                FROM tertib_watermark WHERE consumer = ?1
                """, cells(consumer, stuckBefore)
            ) { row in
                var cursor = RowCursor(row)
                summary.aggregates = try cursor.next()
                summary.stuck = try cursor.next()
                summary.behind = try cursor.next()
                summary.quarantined = try cursor.next()
                return false
            }
            try runner.forEachRow(
                "SELECT count(*), min(parked_at) FROM tertib_parked WHERE consumer = ?1", cells(consumer)
            ) { row in
                (summary.parked, summary.oldestParkedAt) = (try row.value(0), try row.value(1))
                return false
            }
            summary.deadLetters = try runner.count(
                "SELECT count(*) FROM tertib_dead_letter WHERE consumer = ?1 AND resolution IS NULL", cells(consumer))
            return summary
        }
    }

    package func watermarks(_ consumer: ConsumerName, after aggregate: Aggregate?, limit: Int) throws -> [Watermark] {
        try perform("read watermarks") {
            try runner.rows(
                """
                SELECT \(Tables.watermark.list()) FROM tertib_watermark
                WHERE consumer = ?1 AND (aggregate_type, aggregate_id) > (?2, ?3)
                ORDER BY aggregate_type, aggregate_id LIMIT ?4
                """, cells(consumer, aggregate?.type.text ?? "", aggregate?.id.text ?? "", limit)
            ) { try Tables.watermark.read($0) }
        }
    }

    package func watermark(_ consumer: ConsumerName, of aggregate: Aggregate) throws -> Watermark? {
        try perform("read the watermark of \(aggregate)") {
            try runner.first(Statements.selectWatermark, cells(consumer, aggregate)) { try Tables.watermark.read($0) }
        }
    }

    package func parkedRows(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [ParkedEvent] {
        try perform("read the parked events") {
            try rows(
                of: Tables.parked, of: aggregate, limit: limit, where: "consumer = ?1", cells(consumer),
                order: "parked_at, aggregate_type, aggregate_id, version")
        }
    }

    package func deadLetters(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [DeadLetter] {
        try perform("read the dead letters") {
            try rows(
                of: Tables.deadLetter, of: aggregate, limit: limit, where: "consumer = ?1 AND resolution IS NULL",
                cells(consumer), order: "last_failed_at DESC, stream_sequence DESC")
        }
    }

    package func outboxSummary() throws -> OutboxSummary {
        try perform("count the outbox") {
            try runner.first("SELECT count(*), min(staged_at) FROM tertib_outbox WHERE published_at IS NULL", []) {
                OutboxSummary(rows: try $0.value(0), oldestStagedAt: try $0.value(1))
            } ?? OutboxSummary(rows: 0, oldestStagedAt: nil)
        }
    }

    package func outboxRows(of aggregate: Aggregate?, limit: Int) throws -> [OutboxRow] {
        try perform("read the outbox") {
            // An aggregate's events are staged one after the other, so that versions and positions rise together.
            try rows(
                of: Tables.outbox, of: aggregate, limit: limit, where: "published_at IS NULL", [],
                order: aggregate == nil ? "position" : "version")
        }
    }

    /// Rows of one aggregate, or of all.
    private func rows<Record>(
        of table: Table<Record>, of aggregate: Aggregate?, limit: Int, where condition: String, _ first: [Cell],
        order: String
    ) throws -> [Record] {
        var sql = "SELECT \(table.list()) FROM \(table.name) WHERE \(condition)"
        var values = first
        if let aggregate {
            sql += " AND aggregate_type = ?\(first.count + 1) AND aggregate_id = ?\(first.count + 2)"
            aggregate.append(to: &values)
        }
        sql += " ORDER BY \(order) LIMIT ?\(values.count + 1)"
        limit.append(to: &values)
        return try runner.rows(sql, values) { try table.read($0) }
    }
}
