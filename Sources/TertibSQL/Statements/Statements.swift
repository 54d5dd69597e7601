/// The statements that both databases read (``Dialect/statement(_:)``). Lists of columns come from ``Tables``.
package enum Statements {
    /// Placeholders: consumer, aggregate type, aggregate id.
    package static let selectWatermark = """
        SELECT \(Tables.watermark.list()) FROM tertib_watermark
        WHERE consumer = ?1 AND aggregate_type = ?2 AND aggregate_id = ?3
        """

    // MARK: Parked events

    package static let countParked = "SELECT count(*) FROM tertib_parked WHERE consumer = ?1"
    package static let selectParked = """
        SELECT \(Tables.parked.list()) FROM tertib_parked
        WHERE consumer = ?1 AND aggregate_type = ?2 AND aggregate_id = ?3 AND version >= ?4 ORDER BY version LIMIT ?5
        """
    package static let insertParked = Tables.parked.insert(with: "consumer")
    package static let replaceParked = "\(insertParked) \(Tables.parked.orReplace())"
    /// Brings up to date what the watermark repeats of the parked rows; see ``Tables/watermark``.
    package static let summarizeParked = """
        UPDATE tertib_watermark SET (lowest_parked, oldest_parked_at) = (
            SELECT min(version), min(parked_at) FROM tertib_parked
            WHERE consumer = ?1 AND aggregate_type = ?2 AND aggregate_id = ?3)
        WHERE consumer = ?1 AND aggregate_type = ?2 AND aggregate_id = ?3
        """

    // MARK: Sweeping

    package static let selectLeftovers = """
        SELECT m.aggregate_type, m.aggregate_id FROM tertib_watermark AS m {by drain}
        WHERE m.consumer = ?1 AND {m.can_drain}
            AND EXISTS (
                SELECT 1 FROM tertib_parked AS p
                WHERE p.consumer = ?1 AND p.aggregate_type = m.aggregate_type AND p.aggregate_id = m.aggregate_id
                    AND p.version = m.version + 1)
        ORDER BY m.aggregate_type, m.aggregate_id LIMIT ?2
        """
    package static let selectDueRetries = """
        SELECT p.aggregate_type, p.aggregate_id FROM tertib_parked AS p
        WHERE p.consumer = ?1 AND p.next_attempt_at IS NOT NULL
            AND p.next_attempt_at > ?2 AND p.next_attempt_at <= ?3 AND p.reason IN ('retry', 'newerRevision')
            AND EXISTS (
                SELECT 1 FROM tertib_watermark AS m WHERE m.consumer = p.consumer
                    AND m.aggregate_type = p.aggregate_type AND m.aggregate_id = p.aggregate_id
                    AND m.status = 'retrying')
        ORDER BY p.next_attempt_at LIMIT ?4
        """
    /// A cross join, so that SQLite begins with the watermarks.
    package static let selectGaps = """
        SELECT m.aggregate_type, m.aggregate_id, m.version, m.stream_sequence, p.version, p.envelope,
            m.oldest_parked_at
        FROM tertib_watermark AS m CROSS JOIN tertib_parked AS p
        WHERE m.consumer = ?1 AND m.oldest_parked_at < ?2 AND {m.has_gap}
            AND p.consumer = m.consumer AND p.aggregate_type = m.aggregate_type AND p.aggregate_id = m.aggregate_id
            AND p.version = m.lowest_parked
        ORDER BY m.oldest_parked_at LIMIT ?3
        """

    // MARK: Dead letters and consumers

    package static let saveDeadLetter = """
        \(Tables.deadLetter.insert(with: "consumer"))
        \(Tables.deadLetter.orReplace(
            on: Tables.deadLetter.definition.traits.unique, keeping: ["first_failed_at"])),
            resolution = NULL, resolved_at = NULL, resolved_by = NULL, replaced_event_id = NULL
        """
    package static let selectConsumer = "SELECT \(Tables.consumer.list()) FROM tertib_consumer WHERE consumer = ?1"
    package static let addConsumer = """
        \(Tables.consumer.insert(with: "consumer", "updated_at")) ON CONFLICT DO NOTHING
        """
    package static let writeConsumer = """
        \(Tables.consumer.insert(with: "consumer", "updated_at"))
        \(Tables.consumer.orReplace()), updated_at = excluded.updated_at
        """

    // MARK: Heads and outbox

    package static let selectHead = """
        SELECT \(Tables.head.list()) FROM tertib_head WHERE aggregate_type = ?1 AND aggregate_id = ?2
        """
    package static let insertHead = "\(Tables.head.insert()) ON CONFLICT DO NOTHING"
    /// A relay may have published since the head was read: what it has marked is never taken back.
    package static let updateHead = """
        UPDATE tertib_head SET version = ?3, event_id = ?5,
            stream_sequence = CASE WHEN ?4 >= published_version THEN ?6 ELSE stream_sequence END,
            published_version = {greatest}(published_version, ?4)
        WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND version = ?7
        """
    /// The row is not to be taken while a lower version is unpublished.
    package static let insertOutboxRow = """
        INSERT INTO tertib_outbox (\(Tables.outbox.list(from: 1)), not_before)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, CASE WHEN EXISTS (
            SELECT 1 FROM tertib_outbox WHERE published_at IS NULL
                AND aggregate_type = ?1 AND aggregate_id = ?2 AND version < ?3) THEN NULL ELSE ?7 END)
        """
    /// Only where no row of a later published version is missing.
    package static let returnHead = """
        UPDATE tertib_head SET published_version = ?3, stream_sequence = ?4
        WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND published_version = ?5 AND stream_sequence = ?6
            AND ?5 - ?3 = (
                SELECT count(*) FROM tertib_outbox AS o
                WHERE o.aggregate_type = ?1 AND o.aggregate_id = ?2 AND o.version > ?3 AND o.version <= ?5)
        """
    /// Only the lowest can be taken: the versions behind it have no time.
    package static let reopenRows = """
        UPDATE tertib_outbox SET published_at = NULL, stream_sequence = NULL,
            not_before = CASE WHEN version = ?3 + 1 THEN ?4 END
        WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND version > ?3
        """
    package static let deletePublishedRows = """
        DELETE FROM tertib_outbox WHERE position IN (
            SELECT position FROM tertib_outbox WHERE published_at IS NOT NULL AND published_at < ?1
            ORDER BY published_at LIMIT ?2 {skip locked})
        """
}
