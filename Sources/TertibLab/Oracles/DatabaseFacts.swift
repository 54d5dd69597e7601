import TertibRuntime
import TertibCore

/// What the database holds, read with plain SQL: nothing of the product's own readers.
struct DatabaseFacts: Sendable {
    /// A row of the handler's.
    struct Row: Hashable, Sendable {
        var version: Int64
        var value: Int64
        var history: String
    }

    /// A row of the ledger, as digests.
    struct LedgerRow: Hashable, Sendable {
        /// Of the event's id.
        var eventID: UInt64
        /// Of the attempt that must have been begun before.
        var attempt: UInt64
    }

    /// A watermark.
    struct Mark: Hashable, Sendable {
        var version: Int64
        var status: String
        var parked: Int64
    }

    /// The last version of an aggregate that this database publishes.
    struct Head: Hashable, Sendable {
        var version: Int64
        var published: Int64
    }

    /// An event that waits, or that failed for good.
    struct Leftover: Hashable, Sendable {
        var aggregate: Aggregate
        var version: Int64
        /// Of the event's id.
        var eventID: UInt64
        var reason: String
        /// Where the stream has the message.
        var sequence: Int64
    }

    /// What was staged, by the number in its payload.
    struct Staged: Hashable, Sendable {
        var aggregate: Aggregate
        var version: Int64
    }

    var rows: [Aggregate: Row] = [:]
    /// By aggregate and version.
    var ledger: [Aggregate: [Int64: LedgerRow]] = [:]
    var marks: [Aggregate: Mark] = [:]
    var parked: [Leftover] = []
    /// In the order in which they failed first.
    var deadLetters: [Leftover] = []
    var heads: [Aggregate: Head] = [:]
    var unpublished = 0
    var staged: [Int: Staged] = [:]

    /// Nothing read.
    init() {}

    /// Reads a database.
    static func read(from store: any ConsumerStore) async throws -> DatabaseFacts {
        try await store.read { reader in
            var facts = DatabaseFacts()
            try facts.readRows(reader)
            try facts.readMarks(reader)
            try facts.readLeftovers(reader)
            try facts.readPublishing(reader)
            return facts
        }
    }

    private mutating func readRows(_ reader: any StoreReader) throws {
        for row in try reader.query(
            "SELECT aggregate_type, aggregate_id, version, value, history FROM lab_row", arguments: [])
        {
            rows[try row.aggregate()] = Row(
                version: row.number("version"), value: row.number("value"), history: row["history"].text ?? "")
        }
        for row in try reader.query(
            "SELECT aggregate_type, aggregate_id, version, event_id FROM lab_ledger", arguments: [])
        {
            let (aggregate, version, id) = (try row.aggregate(), row.number("version"), row["event_id"].text ?? "")
            ledger[aggregate, default: [:]][version] = LedgerRow(
                eventID: Digest.of(id.utf8),
                attempt: AttemptFacts.digest(aggregate.type.text, aggregate.id.text, version, eventID: id))
        }
    }

    private mutating func readMarks(_ reader: any StoreReader) throws {
        for row in try reader.query(
            "SELECT aggregate_type, aggregate_id, version, status, parked FROM tertib_watermark WHERE consumer = ?",
            arguments: [.text(LabNames.consumer)])
        {
            marks[try row.aggregate()] = Mark(
                version: row.number("version"), status: row["status"].text ?? "", parked: row.number("parked"))
        }
    }

    private mutating func readLeftovers(_ reader: any StoreReader) throws {
        parked = try reader.query(
            "SELECT aggregate_type, aggregate_id, version, event_id, reason, stream_sequence FROM tertib_parked "
                + "WHERE consumer = ?", arguments: [.text(LabNames.consumer)]
        ).map { try $0.leftover() }
        deadLetters = try reader.query(
            "SELECT aggregate_type, aggregate_id, version, event_id, reason, stream_sequence FROM tertib_dead_letter "
                + "WHERE consumer = ? AND resolution IS NULL ORDER BY first_failed_at",
            arguments: [.text(LabNames.consumer)]
        ).map { try $0.leftover() }
    }

    private mutating func readPublishing(_ reader: any StoreReader) throws {
        for row in try reader.query(
            "SELECT aggregate_type, aggregate_id, version, published_version FROM tertib_head", arguments: [])
        {
            heads[try row.aggregate()] = Head(
                version: row.number("version"), published: row.number("published_version"))
        }
        unpublished = Int(
            try reader.query(
                "SELECT COUNT(*) AS number FROM tertib_outbox WHERE published_at IS NULL", arguments: []
            ).first?.number("number") ?? 0)
        for row in try reader.query(
            "SELECT number, aggregate_type, aggregate_id, version FROM lab_staged", arguments: [])
        {
            staged[Int(row.number("number"))] = Staged(
                aggregate: try row.aggregate(), version: row.number("version"))
        }
    }
}

extension SQLRow {
    /// A column's whole number; 0 where it has none.
    func number(_ column: String) -> Int64 { self[column].integer ?? 0 }

    /// The aggregate of a row.
    func aggregate() throws -> Aggregate {
        try Aggregate(lab: self["aggregate_type"].text ?? "", self["aggregate_id"].text ?? "")
    }

    fileprivate func leftover() throws -> DatabaseFacts.Leftover {
        DatabaseFacts.Leftover(
            aggregate: try aggregate(), version: number("version"),
            eventID: Digest.of((self["event_id"].text ?? "").utf8), reason: self["reason"].text ?? "",
            sequence: number("stream_sequence"))
    }
}
