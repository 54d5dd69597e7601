package import TertibCore
import TertibRuntime

/// Tertib's tables. Their names and columns are public: users query them.
///
/// Text compares by its bytes, times are in UTC with six decimals, stream sequences are unsigned 64-bit numbers in a
/// signed column. A new column is a line here and a step in ``Migration``.
package enum Tables {
    /// All of them, in the order in which they are created.
    package static let all = [
        watermark.definition, parked.definition, deadLetter.definition, head.definition, outbox.definition,
        consumer.definition, replica,
    ]

    /// `lowest_parked` and `oldest_parked_at` repeat a fact of `tertib_parked`, so that leftover drains and gaps are
    /// found by an index instead of by a search of every aggregate that has parked rows.
    package static let watermark = Table<Watermark>(
        "tertib_watermark", key: ["consumer", "aggregate_type", "aggregate_id"],
        traits: .init(
            isKeyed: true, isUpdatedOften: true, conditions: [canDrain, hasGap],
            indexes: [
                TableIndex(
                    name: "tertib_watermark_drain", columns: "consumer, aggregate_type, aggregate_id",
                    condition: "{can_drain}"),
                TableIndex(
                    name: "tertib_watermark_gap", columns: "consumer, oldest_parked_at", condition: "{has_gap}"),
            ]),
        fields: [
            Field("consumer", .text),
            Field("aggregate_type", "aggregate_id", fixed: \.aggregate),
            Field("version", fixed: \.version),
            Field("event_id", fixed: \.eventID),
            Field("stream_sequence", fixed: \.streamSequence),
            Field("parked", fixed: \.parked),
            Field("status", fixed: \.status),
            Field("behind_version", .integer, isNullable: true),
            Field("behind_sequence", .integer, isNullable: true),
            Field("ordering", .text, fallback: "'strict'"),
            Field("generation", fixed: \.generation),
            Field("revision", fixed: \.revision),
            Field("updated_at", .time),
            Field("lowest_parked", .integer, isNullable: true),
            Field("oldest_parked_at", .time, isNullable: true),
        ]
    ) { (row) throws(StoreError) in
        Watermark(
            aggregate: try row.next(), version: try row.next(), eventID: try row.next(),
            streamSequence: try row.next(), parked: try row.next(), status: try row.next(),
            generation: try row.next(), revision: try row.next())
    }

    /// The next version is parked, and nothing stands in its way.
    static let canDrain = RowCondition(
        name: "can_drain", sql: "{}lowest_parked <= {}version + 1 AND {}status IN ('ok', 'gap')")
    /// Versions are parked, and the next one is missing.
    static let hasGap = RowCondition(
        name: "has_gap", sql: "{}lowest_parked > {}version + 1 AND {}status IN ('ok', 'gap', 'stuck')")

    package static let parked = Table<ParkedEvent>(
        "tertib_parked", key: ["consumer", "aggregate_type", "aggregate_id", "version"],
        traits: .init(indexes: [
            TableIndex(name: "tertib_parked_age", columns: "consumer, parked_at"),
            TableIndex(
                name: "tertib_parked_retry", columns: "consumer, next_attempt_at",
                condition: "next_attempt_at IS NOT NULL"),
        ]),
        fields: [
            Field("consumer", .text),
            Field("aggregate_type", "aggregate_id", fixed: \.aggregate),
            Field("version", fixed: \.version),
            Field("event_id", fixed: \.eventID),
            Field("stream_sequence", fixed: \.streamSequence),
            Field("envelope", fixed: \.stored),
            Field("reason", fixed: \.reason),
            Field("parked_at", fixed: \.parkedAt),
            Field("attempts", set: \.attempts),
            Field("next_attempt_at", set: \.nextAttemptAt),
            Field("error", set: \.error, as: .prose),
        ]
    ) { (row) throws(StoreError) in
        ParkedEvent(
            aggregate: try row.next(), version: try row.next(), eventID: try row.next(),
            streamSequence: try row.next(), stored: try row.next(), reason: try row.next(), parkedAt: try row.next())
    }

    package static let deadLetter = Table<DeadLetter>(
        "tertib_dead_letter", key: ["id"],
        traits: .init(
            unique: ["consumer", "stream_created_at", "stream_sequence"],
            indexes: [
                TableIndex(
                    name: "tertib_dead_letter_open", columns: "consumer, aggregate_type, aggregate_id",
                    condition: "resolution IS NULL"),
                TableIndex(
                    name: "tertib_dead_letter_age", columns: "consumer, last_failed_at",
                    condition: "resolution IS NULL"),
            ]),
        fields: [
            Field("id", fixed: \.id),
            Field("consumer", .text),
            Field("aggregate_type", "aggregate_id", fixed: \.aggregate),
            Field("version", fixed: \.version),
            Field("event_id", fixed: \.eventID),
            Field("stream_created_at", fixed: \.streamCreatedAt),
            Field("stream_sequence", fixed: \.streamSequence),
            Field("subject", fixed: \.subject),
            Field("headers", set: \.headers),
            Field("body", set: \.body),
            Field("reason", set: \.reason),
            Field("error", set: \.error, as: .prose),
            Field("attempts", set: \.attempts),
            Field("first_failed_at", set: \.firstFailedAt),
            Field("last_failed_at", set: \.lastFailedAt),
            Field("resolution", .text, isNullable: true),
            Field("resolved_at", .time, isNullable: true),
            Field("resolved_by", .prose, isNullable: true),
            Field("replaced_event_id", .text, isNullable: true),
        ]
    ) { (row) throws(StoreError) in
        DeadLetter(
            id: try row.next(), aggregate: try row.next(), version: try row.next(), eventID: try row.next(),
            streamCreatedAt: try row.next(), streamSequence: try row.next(),
            message: WireMessage(subject: try row.next()), reason: .malformed, error: "", attempts: 0,
            failedAt: Timestamp(microseconds: 0))
    }

    package static let head = Table<AggregateHead>(
        "tertib_head", key: ["aggregate_type", "aggregate_id"], traits: .init(isKeyed: true, isUpdatedOften: true),
        fields: [
            Field("aggregate_type", "aggregate_id", fixed: \.aggregate),
            Field("version", set: \.version),
            Field("published_version", set: \.publishedVersion),
            Field("event_id", set: \.eventID),
            Field("stream_sequence", set: \.streamSequence),
        ]
    ) { (row) throws(StoreError) in AggregateHead(aggregate: try row.next()) }

    /// `not_before` is NULL while a lower version of the aggregate is unpublished: only the lowest can be taken, and so
    /// one index finds what a relay can take.
    package static let outbox = Table<OutboxRow>(
        "tertib_outbox", key: ["position"],
        traits: .init(
            unique: ["aggregate_type", "aggregate_id", "version"], isNumbered: true,
            indexes: [
                TableIndex(
                    name: "tertib_outbox_unpublished", columns: "aggregate_type, aggregate_id, version",
                    covering: "staged_at", condition: "published_at IS NULL"),
                TableIndex(
                    name: "tertib_outbox_ready", columns: "not_before, position",
                    condition: "published_at IS NULL AND not_before IS NOT NULL"),
                TableIndex(
                    name: "tertib_outbox_published", columns: "published_at", condition: "published_at IS NOT NULL"),
            ]),
        fields: [
            Field("position", fixed: \.position),
            Field("aggregate_type", "aggregate_id", fixed: \.aggregate),
            Field("version", fixed: \.version),
            Field("event_id", fixed: \.eventID),
            Field("envelope", fixed: \.stored),
            Field("staged_at", fixed: \.stagedAt),
            Field("not_before", .time, isNullable: true),
            Field("published_at", .time, isNullable: true),
            Field("stream_sequence", .integer, isNullable: true),
        ]
    ) { (row) throws(StoreError) in
        OutboxRow(
            position: try row.next(), aggregate: try row.next(), version: try row.next(), eventID: try row.next(),
            stored: try row.next(), stagedAt: try row.next())
    }

    package static let consumer = Table<ConsumerRegistration>(
        "tertib_consumer", key: ["consumer"], traits: .init(isKeyed: true),
        fields: [
            Field("consumer", .text),
            Field("store_id", fixed: \.storeID),
            Field("stream", fixed: \.stream),
            Field("stream_created_at", fixed: \.streamCreatedAt),
            Field("acknowledged_floor", set: \.acknowledgedFloor),
            Field("generation", set: \.generation),
            Field("status", .text, fallback: "'running'"),
            Field("updated_at", .time),
        ]
    ) { (row) throws(StoreError) in
        ConsumerRegistration(storeID: try row.next(), stream: try row.next(), streamCreatedAt: try row.next())
    }

    /// Written by a handler's SQL (`Handlers.replica`), read by users.
    static let replica = TableDefinition(
        "tertib_replica", key: ["aggregate_type", "aggregate_id"],
        columns: [
            Column(name: "aggregate_type", kind: .text, isNullable: false, fallback: nil),
            Column(name: "aggregate_id", kind: .text, isNullable: false, fallback: nil),
            Column(name: "version", kind: .integer, isNullable: false, fallback: nil),
            Column(name: "event_type", kind: .text, isNullable: false, fallback: nil),
            Column(name: "data", kind: .prose, isNullable: false, fallback: nil),
        ], traits: .init(isUpdatedOften: true))

    /// The steps that a database has taken.
    ///
    /// The database is the user's, and so are its own means to count versions (SQLite's `user_version`).
    package static let migration = TableDefinition(
        "tertib_migration", key: ["version"],
        columns: [
            Column(name: "version", kind: .integer, isNullable: false, fallback: nil),
            Column(name: "applied_at", kind: .time, isNullable: false, fallback: nil),
        ], traits: .init())
}
