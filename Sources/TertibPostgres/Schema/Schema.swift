/// The tables, as a list of steps that only ever grows: a step that has been released is never changed.
///
/// They are those of every store, in PostgreSQL's types: text compares by its bytes (`COLLATE "C"`), times are
/// `timestamptz`, stream sequences are unsigned 64-bit numbers in a signed column.
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
    static let migrationTable = """
        CREATE TABLE IF NOT EXISTS tertib_migration (
            version bigint NOT NULL PRIMARY KEY,
            applied_at timestamptz NOT NULL
        )
        """

    private static let tables = [
        watermark, parked, deadLetter, head, outbox, consumer, replica,
    ]

    /// `lowest_parked` and `oldest_parked_at` repeat what `tertib_parked` says, so that drains left over and gaps are
    /// found by an index instead of by a look at every aggregate that has parked rows.
    ///
    /// The two conditions are columns, because an update of a column that stands in an index or in its condition has
    /// to write to every index of the row: the version changes with each event, these two hardly ever. The room left
    /// in the pages is for such updates.
    private static let watermark = """
        CREATE TABLE tertib_watermark (
            consumer text COLLATE "C" NOT NULL,
            aggregate_type text COLLATE "C" NOT NULL,
            aggregate_id text COLLATE "C" NOT NULL,
            version bigint NOT NULL,
            event_id text COLLATE "C",
            stream_sequence bigint NOT NULL,
            parked bigint NOT NULL,
            status text COLLATE "C" NOT NULL,
            behind_version bigint,
            behind_sequence bigint,
            ordering text COLLATE "C" NOT NULL DEFAULT 'strict',
            generation bigint NOT NULL,
            revision bigint NOT NULL,
            updated_at timestamptz NOT NULL,
            lowest_parked bigint,
            oldest_parked_at timestamptz,
            can_drain boolean GENERATED ALWAYS AS (
                lowest_parked <= version + 1 AND status IN ('ok', 'gap')) STORED,
            has_gap boolean GENERATED ALWAYS AS (
                lowest_parked > version + 1 AND status IN ('ok', 'gap', 'stuck')) STORED,
            PRIMARY KEY (consumer, aggregate_type, aggregate_id)
        ) WITH (fillfactor = 70)
        """

    private static let parked = """
        CREATE TABLE tertib_parked (
            consumer text COLLATE "C" NOT NULL,
            aggregate_type text COLLATE "C" NOT NULL,
            aggregate_id text COLLATE "C" NOT NULL,
            version bigint NOT NULL,
            event_id text COLLATE "C" NOT NULL,
            stream_sequence bigint NOT NULL,
            envelope bytea NOT NULL,
            reason text COLLATE "C" NOT NULL,
            parked_at timestamptz NOT NULL,
            attempts bigint NOT NULL,
            next_attempt_at timestamptz,
            error text,
            PRIMARY KEY (consumer, aggregate_type, aggregate_id, version)
        )
        """

    private static let deadLetter = """
        CREATE TABLE tertib_dead_letter (
            id text COLLATE "C" NOT NULL PRIMARY KEY,
            consumer text COLLATE "C" NOT NULL,
            aggregate_type text COLLATE "C",
            aggregate_id text COLLATE "C",
            version bigint,
            event_id text COLLATE "C",
            stream_created_at timestamptz NOT NULL,
            stream_sequence bigint NOT NULL,
            subject text COLLATE "C" NOT NULL,
            headers bytea NOT NULL,
            body bytea NOT NULL,
            reason text COLLATE "C" NOT NULL,
            error text NOT NULL,
            attempts bigint NOT NULL,
            first_failed_at timestamptz NOT NULL,
            last_failed_at timestamptz NOT NULL,
            resolution text COLLATE "C",
            resolved_at timestamptz,
            resolved_by text,
            replaced_event_id text COLLATE "C",
            UNIQUE (consumer, stream_created_at, stream_sequence)
        )
        """

    private static let head = """
        CREATE TABLE tertib_head (
            aggregate_type text COLLATE "C" NOT NULL,
            aggregate_id text COLLATE "C" NOT NULL,
            version bigint NOT NULL,
            published_version bigint NOT NULL,
            event_id text COLLATE "C",
            stream_sequence bigint NOT NULL,
            PRIMARY KEY (aggregate_type, aggregate_id)
        ) WITH (fillfactor = 70)
        """

    /// `not_before` is NULL while a lower version of the aggregate is unpublished: only the lowest can be taken, and so
    /// one index finds what a relay can take.
    private static let outbox = """
        CREATE TABLE tertib_outbox (
            position bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
            aggregate_type text COLLATE "C" NOT NULL,
            aggregate_id text COLLATE "C" NOT NULL,
            version bigint NOT NULL,
            event_id text COLLATE "C" NOT NULL,
            envelope bytea NOT NULL,
            staged_at timestamptz NOT NULL,
            not_before timestamptz,
            published_at timestamptz,
            stream_sequence bigint,
            UNIQUE (aggregate_type, aggregate_id, version)
        )
        """

    private static let consumer = """
        CREATE TABLE tertib_consumer (
            consumer text COLLATE "C" NOT NULL PRIMARY KEY,
            store_id text COLLATE "C" NOT NULL,
            stream text COLLATE "C" NOT NULL,
            stream_created_at timestamptz NOT NULL,
            acknowledged_floor bigint NOT NULL,
            generation bigint NOT NULL,
            status text COLLATE "C" NOT NULL DEFAULT 'running',
            updated_at timestamptz NOT NULL
        )
        """

    private static let replica = """
        CREATE TABLE tertib_replica (
            aggregate_type text COLLATE "C" NOT NULL,
            aggregate_id text COLLATE "C" NOT NULL,
            version bigint NOT NULL,
            event_type text COLLATE "C" NOT NULL,
            data text NOT NULL,
            PRIMARY KEY (aggregate_type, aggregate_id)
        ) WITH (fillfactor = 70)
        """

    /// A partial index is used only by a query that repeats its condition.
    private static let indexes = [
        """
        CREATE INDEX tertib_watermark_drain ON tertib_watermark (consumer, aggregate_type, aggregate_id)
        WHERE can_drain
        """,
        "CREATE INDEX tertib_watermark_gap ON tertib_watermark (consumer, oldest_parked_at) WHERE has_gap",
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
        CREATE INDEX tertib_outbox_unpublished ON tertib_outbox (aggregate_type, aggregate_id, version)
        WHERE published_at IS NULL
        """,
        """
        CREATE INDEX tertib_outbox_ready ON tertib_outbox (not_before, position)
        WHERE published_at IS NULL AND not_before IS NOT NULL
        """,
        "CREATE INDEX tertib_outbox_published ON tertib_outbox (published_at) WHERE published_at IS NOT NULL",
    ]
}
