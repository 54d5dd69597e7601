import TertibRuntime
import TertibCore

extension PostgresTransaction {
    /// The head's row is the lock under which versions are staged and marked: it comes first here too.
    private static let returnHead = """
        UPDATE tertib_head AS h SET published_version = $3, stream_sequence = $4
        WHERE h.aggregate_type = $1 AND h.aggregate_id = $2 AND h.published_version = $5 AND h.stream_sequence = $6
            AND $5 - $3 = (
                SELECT count(*) FROM tertib_outbox AS o
                WHERE o.aggregate_type = $1 AND o.aggregate_id = $2 AND o.version > $3 AND o.version <= $5)
        """
    /// Only the lowest can be taken: what waits behind it has no time.
    private static let reopenRows = """
        UPDATE tertib_outbox SET published_at = NULL, stream_sequence = NULL,
            not_before = CASE WHEN version = $3 + 1 THEN $4::timestamptz END
        WHERE aggregate_type = $1 AND aggregate_id = $2 AND version > $3
        """

    func reopenOutbox(
        _ expected: AggregateHead, behind version: AggregateVersion, at sequence: StreamSequence
    ) throws -> Bool {
        try perform("reopen the outbox of \(expected.aggregate)") {
            let key = Parameter.key(of: expected.aggregate)
            let changed = try runner.execute(
                Self.returnHead,
                key + [
                    .bigint(version.number), .bigint(sequence.column), .bigint(expected.publishedVersion.number),
                    .bigint(expected.streamSequence.column),
                ])
            guard changed == 1 else { return false }
            try runner.execute(Self.reopenRows, key + [.bigint(version.number), .time(Self.free)])
            return true
        }
    }
}
