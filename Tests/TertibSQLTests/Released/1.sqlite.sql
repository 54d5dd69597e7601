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
) STRICT, WITHOUT ROWID;
CREATE INDEX tertib_watermark_drain ON tertib_watermark (consumer, aggregate_type, aggregate_id) WHERE lowest_parked <= version + 1 AND status IN ('ok', 'gap');
CREATE INDEX tertib_watermark_gap ON tertib_watermark (consumer, oldest_parked_at) WHERE lowest_parked > version + 1 AND status IN ('ok', 'gap', 'stuck');
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
) STRICT;
CREATE INDEX tertib_parked_age ON tertib_parked (consumer, parked_at);
CREATE INDEX tertib_parked_retry ON tertib_parked (consumer, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
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
) STRICT;
CREATE INDEX tertib_dead_letter_open ON tertib_dead_letter (consumer, aggregate_type, aggregate_id) WHERE resolution IS NULL;
CREATE INDEX tertib_dead_letter_age ON tertib_dead_letter (consumer, last_failed_at) WHERE resolution IS NULL;
CREATE TABLE tertib_head (
    aggregate_type TEXT NOT NULL,
    aggregate_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    published_version INTEGER NOT NULL,
    event_id TEXT,
    stream_sequence INTEGER NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id)
) STRICT, WITHOUT ROWID;
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
) STRICT;
CREATE INDEX tertib_outbox_unpublished ON tertib_outbox (aggregate_type, aggregate_id, version, staged_at) WHERE published_at IS NULL;
CREATE INDEX tertib_outbox_ready ON tertib_outbox (not_before, position) WHERE published_at IS NULL AND not_before IS NOT NULL;
CREATE INDEX tertib_outbox_published ON tertib_outbox (published_at) WHERE published_at IS NOT NULL;
CREATE TABLE tertib_consumer (
    consumer TEXT NOT NULL PRIMARY KEY,
    store_id TEXT NOT NULL,
    stream TEXT NOT NULL,
    stream_created_at TEXT NOT NULL,
    acknowledged_floor INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'running',
    updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tertib_replica (
    aggregate_type TEXT NOT NULL,
    aggregate_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id)
) STRICT;
