import TertibRuntime
import TertibCore

extension SQLiteTransaction {
    static let countHeld = """
        SELECT count(*) FROM tertib_outbox
        WHERE aggregate_type = ? AND aggregate_id = ? AND version > ? AND version <= ?
        """
    static let returnHead = """
        UPDATE tertib_head SET published_version = ?1, stream_sequence = ?2
        WHERE aggregate_type = ?3 AND aggregate_id = ?4 AND published_version = ?5 AND stream_sequence = ?6
        """
    /// Only the lowest can be taken: what waits behind it has no time.
    static let reopenRows = """
        UPDATE tertib_outbox SET published_at = NULL, stream_sequence = NULL,
            not_before = iif(version = ?3 + 1, ?4, NULL)
        WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND version > ?3
        """

    func reopenOutbox(
        _ expected: AggregateHead, behind version: AggregateVersion, at sequence: StreamSequence
    ) throws -> Bool {
        try perform("reopen the outbox of \(expected.aggregate)") {
            let (type, id) = (expected.aggregate.type.text, expected.aggregate.id.text)
            let lost = expected.publishedVersion.number - version.number
            let held = try runner.first(
                Self.countHeld, [type, id, version.number, expected.publishedVersion.number]
            ) { try $0.integer(0) }
            guard held == lost else { return false }
            let changed = try runner.execute(
                Self.returnHead,
                [
                    version.number, sequence.column, type, id, expected.publishedVersion.number,
                    expected.streamSequence.column,
                ])
            guard changed == 1 else { return false }
            try runner.execute(Self.reopenRows, [type, id, version.number, Self.free])
            return true
        }
    }
}
