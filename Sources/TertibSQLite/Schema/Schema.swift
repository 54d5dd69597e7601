/// The tables, as a list of steps that only ever grows: a step that has been released is never changed.
///
/// Text compares by its bytes (SQLite's `BINARY`), times are RFC 3339 in UTC with six decimals (so they sort as text),
/// stream sequences are unsigned 64-bit numbers in a signed column.
enum Schema {
    /// One step forward.
    struct Step {
        let version: Int
        let statements: [String]
    }

    /// All steps, oldest first.
    static let steps = [Step(version: 1, statements: tables + indexes)]

    /// The version that this code works with.
    static let current = 1

    /// Which steps this database has taken.
    ///
    /// The database is the user's, and so is its `PRAGMA user_version`.
    static let migrationTable = """
        CREATE TABLE IF NOT EXISTS tertib_migration (
            version INTEGER NOT NULL PRIMARY KEY,
            applied_at TEXT NOT NULL
        ) STRICT
        """

    private static let tables = [
        watermark, parked, deadLetter, head, outbox, consumer, replica,
    ]

    /// `lowest_parked` and `oldest_parked_at` repeat what `tertib_parked` says, so that drains left over and gaps are
    /// found by an index instead of by a look at every aggregate that has parked rows.
    private static let watermark = """
        CREATE TABLE tertib_watermark (
            consumer TEXT NOT NULL,
            aggregate_type TEXT NOT NULL,
            aggregate_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            event_id TEXT,
            stream_sequence INTEGER NOT NULL,
            parked INTEGER NOT NULL,
            status TEXT NOT NULL,
            behind_version INTEGER,
            behind_sequence INTEGER,
            ordering TEXT NOT NULL DEFAULT 'strict',
            generation INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            updated_at TEXT NOT NULL,
            lowest_parked INTEGER,
            oldest_parked_at TEXT,
            PRIMARY KEY (consumer, aggregate_type, aggregate_id)
        ) STRICT, WITHOUT ROWID
        """

    private static let parked = """
        CREATE TABLE tertib_parked (
            consumer TEXT NOT NULL,
            aggregate_type TEXT NOT NULL,
            aggregate_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            event_id TEXT NOT NULL,
            stream_sequence INTEGER NOT NULL,
            envelope BLOB NOT NULL,
            reason TEXT NOT NULL,
            parked_at TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            next_attempt_at TEXT,
            error TEXT,
            PRIMARY KEY (consumer, aggregate_type, aggregate_id, version)
        ) STRICT
        """

    private static let deadLetter = """
        CREATE TABLE tertib_dead_letter (
            id TEXT NOT NULL PRIMARY KEY,
            consumer TEXT NOT NULL,
            aggregate_type TEXT,
            aggregate_id TEXT,
            version INTEGER,
            event_id TEXT,
            stream_created_at TEXT NOT NULL,
            stream_sequence INTEGER NOT NULL,
            subject TEXT NOT NULL,
            headers BLOB NOT NULL,
            body BLOB NOT NULL,
            reason TEXT NOT NULL,
            error TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            first_failed_at TEXT NOT NULL,
            last_failed_at TEXT NOT NULL,
            resolution TEXT,
            resolved_at TEXT,
            resolved_by TEXT,
            replaced_event_id TEXT,
            UNIQUE (consumer, stream_created_at, stream_sequence)
        ) STRICT
        """

    private static let head = """
        CREATE TABLE tertib_head (
            aggregate_type TEXT NOT NULL,
            aggregate_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            published_version INTEGER NOT NULL,
            event_id TEXT,
            stream_sequence INTEGER NOT NULL,
            PRIMARY KEY (aggregate_type, aggregate_id)
        ) STRICT, WITHOUT ROWID
        """

    /// `not_before` is NULL while a lower version of the aggregate is unpublished: only the lowest can be taken, and so
    /// one index finds what a relay can take.
    private static let outbox = """
        CREATE TABLE tertib_outbox (
            position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            aggregate_type TEXT NOT NULL,
            aggregate_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            event_id TEXT NOT NULL,
            envelope BLOB NOT NULL,
            staged_at TEXT NOT NULL,
            not_before TEXT,
            published_at TEXT,
            stream_sequence INTEGER,
            UNIQUE (aggregate_type, aggregate_id, version)
        ) STRICT
        """

    private static let consumer = """
        CREATE TABLE tertib_consumer (
            consumer TEXT NOT NULL PRIMARY KEY,
            store_id TEXT NOT NULL,
            stream TEXT NOT NULL,
            stream_created_at TEXT NOT NULL,
            acknowledged_floor INTEGER NOT NULL,
            generation INTEGER NOT NULL,
            status TEXT NOT NULL DEFAULT 'running',
            updated_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """

    private static let replica = """
        CREATE TABLE tertib_replica (
            aggregate_type TEXT NOT NULL,
            aggregate_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            event_type TEXT NOT NULL,
            data TEXT NOT NULL,
            PRIMARY KEY (aggregate_type, aggregate_id)
        ) STRICT
        """

    /// A partial index is used only by a query that repeats its condition word for word.
    private static let indexes = [
        """
        CREATE INDEX tertib_watermark_drain ON tertib_watermark (consumer, aggregate_type, aggregate_id)
        WHERE lowest_parked <= version + 1 AND status IN ('ok', 'gap')
        """,
        """
        CREATE INDEX tertib_watermark_gap ON tertib_watermark (consumer, oldest_parked_at)
        WHERE lowest_parked > version + 1 AND status IN ('ok', 'gap', 'stuck')
        """,
        "CREATE INDEX tertib_parked_age ON tertib_parked (consumer, parked_at)",
        """
        CREATE INDEX tertib_parked_retry ON tertib_parked (consumer, next_attempt_at)
        WHERE next_attempt_at IS NOT NULL
        """,
        """
        CREATE INDEX tertib_dead_letter_open ON tertib_dead_letter (consumer, aggregate_type, aggregate_id)
        WHERE resolution IS NULL
        """,
        """
        CREATE INDEX tertib_dead_letter_age ON tertib_dead_letter (consumer, last_failed_at)
        WHERE resolution IS NULL
        """,
        """
        CREATE INDEX tertib_outbox_unpublished ON tertib_outbox (aggregate_type, aggregate_id, version, staged_at)
        WHERE published_at IS NULL
        """,
        """
        CREATE INDEX tertib_outbox_ready ON tertib_outbox (not_before, position)
        WHERE published_at IS NULL AND not_before IS NOT NULL
        """,
        "CREATE INDEX tertib_outbox_published ON tertib_outbox (published_at) WHERE published_at IS NOT NULL",
    ]
}
