import TertibRuntime
import TertibCore

extension SQLiteTransaction {
    /// A repeat reopens the row: the failure is the new one, the id and the first failure stay.
    private static let keepDeadLetter = """
        INSERT INTO tertib_dead_letter (
            id, consumer, aggregate_type, aggregate_id, version, event_id, stream_created_at, stream_sequence, subject,
            headers, body, reason, error, attempts, first_failed_at, last_failed_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (consumer, stream_created_at, stream_sequence) DO UPDATE SET
            aggregate_type = excluded.aggregate_type, aggregate_id = excluded.aggregate_id,
            version = excluded.version, event_id = excluded.event_id, subject = excluded.subject,
            headers = excluded.headers, body = excluded.body, reason = excluded.reason, error = excluded.error,
            attempts = excluded.attempts, last_failed_at = excluded.last_failed_at, resolution = NULL,
            resolved_at = NULL, resolved_by = NULL, replaced_event_id = NULL
        """
    static let selectOpenDeadLetters = """
        SELECT version, event_id, reason, first_failed_at, stream_sequence FROM tertib_dead_letter
        WHERE consumer = ? AND aggregate_type = ? AND aggregate_id = ? AND resolution IS NULL AND version IS NOT NULL
        """

    func saveDeadLetter(_ consumer: ConsumerName, _ deadLetter: DeadLetter) throws {
        try perform("keep a dead letter") {
            try runner.execute(
                Self.keepDeadLetter,
                [
                    deadLetter.id, consumer.text, deadLetter.aggregate?.type.text, deadLetter.aggregate?.id.text,
                    deadLetter.version?.number, deadLetter.eventID?.text, deadLetter.streamCreatedAt.description,
                    deadLetter.streamSequence.column, deadLetter.subject, deadLetter.headers,
                    deadLetter.body, deadLetter.reason.rawValue, deadLetter.error, deadLetter.attempts,
                    deadLetter.firstFailedAt.description, deadLetter.lastFailedAt.description,
                ])
        }
    }

    func openDeadLetters(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [DeadLetterKey] {
        try perform("read open dead letters") {
            var found: [(key: DeadLetterKey, failedAt: Timestamp)] = []
            for aggregate in aggregates {
                found += try runner.rows(
                    Self.selectOpenDeadLetters, [consumer.text, aggregate.type.text, aggregate.id.text]
                ) { row in
                    (
                        DeadLetterKey(
                            aggregate: aggregate, version: try row.version(0), eventID: try row.optionalIdentity(1),
                            reason: try row.word(2), streamSequence: try row.sequence(4)),
                        try row.time(3)
                    )
                }
            }
            return found.sorted {
                ($0.failedAt, $0.key.streamSequence) < ($1.failedAt, $1.key.streamSequence)
            }.map(\.key)
        }
    }
}
