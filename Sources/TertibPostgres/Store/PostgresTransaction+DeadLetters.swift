import TertibRuntime
import TertibCore

extension PostgresTransaction {
    /// A repeat reopens the row: the failure is the new one, the id and the first failure stay.
    private static let keepDeadLetter = """
        INSERT INTO tertib_dead_letter (
            id, consumer, aggregate_type, aggregate_id, version, event_id, stream_created_at, stream_sequence, subject,
            headers, body, reason, error, attempts, first_failed_at, last_failed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        ON CONFLICT (consumer, stream_created_at, stream_sequence) DO UPDATE SET
            aggregate_type = excluded.aggregate_type, aggregate_id = excluded.aggregate_id,
            version = excluded.version, event_id = excluded.event_id, subject = excluded.subject,
            headers = excluded.headers, body = excluded.body, reason = excluded.reason, error = excluded.error,
            attempts = excluded.attempts, last_failed_at = excluded.last_failed_at, resolution = NULL,
            resolved_at = NULL, resolved_by = NULL, replaced_event_id = NULL
        """
    private static let selectOpenDeadLetters = """
        SELECT d.aggregate_type, d.aggregate_id, d.version, d.event_id, d.reason, d.stream_sequence
        FROM unnest($2::text[], $3::text[]) AS w (aggregate_type, aggregate_id)
        JOIN tertib_dead_letter AS d ON d.consumer = $1
            AND d.aggregate_type = w.aggregate_type AND d.aggregate_id = w.aggregate_id
        WHERE d.resolution IS NULL AND d.version IS NOT NULL
        ORDER BY d.first_failed_at, d.stream_sequence
        """

    func saveDeadLetter(_ consumer: ConsumerName, _ deadLetter: DeadLetter) throws {
        try perform("keep a dead letter") {
            try runner.execute(
                Self.keepDeadLetter,
                [
                    .text(deadLetter.id), .text(consumer.text), .text(deadLetter.aggregate?.type.text),
                    .text(deadLetter.aggregate?.id.text), .bigint(deadLetter.version?.number),
                    .text(deadLetter.eventID?.text), .time(deadLetter.streamCreatedAt),
                    .bigint(deadLetter.streamSequence.column), .text(Self.storable(deadLetter.subject)),
                    .bytes(deadLetter.headers), .bytes(deadLetter.body), .text(deadLetter.reason.rawValue),
                    .text(Self.storable(deadLetter.error)), .bigint(deadLetter.attempts),
                    .time(deadLetter.firstFailedAt), .time(deadLetter.lastFailedAt),
                ])
        }
    }

    func openDeadLetters(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [DeadLetterKey] {
        guard !aggregates.isEmpty else { return [] }
        return try perform("read open dead letters") {
            try runner.rows(
                Self.selectOpenDeadLetters, [.text(consumer.text)] + Parameter.keys(of: aggregates)
            ) { row in
                DeadLetterKey(
                    aggregate: try row.aggregate(0), version: try row.version(2),
                    eventID: try row.optionalIdentity(3), reason: try row.word(4),
                    streamSequence: try row.sequence(5))
            }
        }
    }

    /// PostgreSQL's text does not hold U+0000, which an error's words may: a dead letter must be kept all the same.
    static func storable(_ text: String) -> String {
        text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
    }
}
