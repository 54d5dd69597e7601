import Foundation
import TertibRuntime
import TertibCore
import TertibSQLite
import TertibTesting
import TestServers
import Testing

@testable import TertibLab

/// A small world in which everything is right: a stream, and a database on a file that a test may doctor.
struct LabWorld {
    private let folder: TemporaryDirectory
    private let store: SQLiteStore
    private(set) var stream = StreamFacts()
    private(set) var attempts = AttemptFacts()

    /// What is applied: type, id, versions.
    private static let applied: [(String, String, Int64)] = [
        ("foreign", "1", 7), ("staged", "a", 2), ("echo", "1", 1), ("appended", "x", 1), ("poison", "1", 3),
    ]

    init() async throws {
        folder = try TemporaryDirectory()
        store = try await SQLiteStore(path: "\(folder.path)/lab.sqlite")
        try await store.migrate()
        for statement in LabSchema.statements { try await execute(statement) }
        var sequence: UInt64 = 0
        for (type, id, last) in Self.applied {
            let published = type == "poison" ? last + 3 : last
            for version in 1...published {
                sequence += 1
                stream.add(try Self.logged(type, id, version, at: sequence), try Self.codec())
            }
            try await fill(type, id, last)
        }
        for version in 5...6 {
            try await execute(
                "INSERT INTO tertib_parked VALUES ('rows', 'poison', '1', \(version), 'poison-1-\(version)', 1, x'00', 'behindFailure', "
                    + "'2026', 0, NULL, NULL)")
        }
        try await execute(
            "INSERT INTO tertib_dead_letter (id, consumer, aggregate_type, aggregate_id, version, event_id, "
                + "stream_created_at, stream_sequence, subject, headers, body, reason, error, attempts, "
                + "first_failed_at, last_failed_at) VALUES ('d', 'rows', 'poison', '1', 4, 'e', '2026', 1, 's', x'00', "
                + "x'00', 'failed', 'why', 3, '2026', '2026')")
        try await execute("INSERT INTO tertib_head VALUES ('staged', 'a', 2, 2, 'e', 9)")
        try await execute("INSERT INTO tertib_head VALUES ('echo', '1', 1, 1, 'e', 10)")
        try await execute("INSERT INTO lab_staged VALUES (1, 'staged', 'a', 1), (2, 'staged', 'a', 2)")
    }

    private mutating func fill(_ type: String, _ id: String, _ last: Int64) async throws {
        var value = Fold.start
        for version in 1...last {
            value = Fold.next(value, Self.amount(version))
            let event = Self.eventID(type, id, version)
            try await execute("INSERT INTO lab_ledger VALUES ('\(type)', '\(id)', \(version), '\(event)')")
            attempts.add("A \(type) \(id) \(version) \(event)\n")
        }
        let history = (1...last).map { String($0) }.joined(separator: ",")
        try await execute("INSERT INTO lab_row VALUES ('\(type)', '\(id)', \(last), \(value), '\(history)')")
        let (status, parked) = type == "poison" ? ("quarantined", 2) : ("ok", 0)
        try await execute(
            "INSERT INTO tertib_watermark VALUES ('rows', '\(type)', '\(id)', \(last), 'e', 1, \(parked), '\(status)', "
                + "NULL, NULL, 'strict', 1, 1, '2026', NULL, NULL)")
    }

    /// Adds an aggregate with two events of version 2, of which one has taken effect.
    mutating func addFork(applied: String, status: String) async throws {
        for version in 1...Int64(2) {
            stream.add(try Self.logged("forked", "f", version, at: 100 + UInt64(version)), try Self.codec())
        }
        stream.add(try Self.logged("forked", "f", 2, event: "other", at: 104), try Self.codec())
        try await fill("forked", "f", 2)
        try await execute("UPDATE lab_ledger SET event_id = '\(applied)' WHERE aggregate_id = 'f' AND version = 2")
        attempts.add("A forked f 2 \(applied)\n")
        let rival = applied == "other" ? "forked-f-2" : "other"
        try await execute("UPDATE tertib_watermark SET status = '\(status)' WHERE aggregate_id = 'f'")
        try await execute(
            "INSERT INTO tertib_dead_letter SELECT 'e', consumer, 'forked', 'f', 2, '\(rival)', stream_created_at, 104, "
                + "subject, headers, body, 'forked', error, attempts, first_failed_at, last_failed_at, resolution, "
                + "resolved_at, resolved_by, replaced_event_id FROM tertib_dead_letter WHERE id = 'd'")
    }

    /// Runs a statement.
    func execute(_ sql: String) async throws {
        _ = try await store.transaction { try $0.execute(sql, arguments: []) }
    }

    /// What the oracles find.
    func violations(stream: StreamFacts? = nil, attempts: AttemptFacts? = nil) async throws -> [Violation] {
        try Judgement(
            stream: stream ?? self.stream, database: try await .read(from: store),
            attempts: attempts ?? self.attempts
        ).violations
    }

    /// A service on the database, and on a stream in memory.
    func service(on log: MemoryLog) throws -> EventBus {
        try EventBus(
            options: EventBusOptions(
                service: try ServiceName(LabNames.service), namespace: try Namespace(LabNames.namespace)),
            log: log, store: store)
    }

    private static func amount(_ version: Int64) -> Int { Int(version) * 10 }

    private static func eventID(_ type: String, _ id: String, _ version: Int64) -> String { "\(type)-\(id)-\(version)" }

    /// An event as it is in the stream.
    static func logged(
        _ type: String, _ id: String, _ version: Int64, event: String? = nil, at sequence: UInt64
    ) throws -> LoggedMessage {
        LoggedMessage(
            message: try message(type, id, version, event: event), sequence: StreamSequence(sequence),
            storedAt: Timestamp(microseconds: 0))
    }

    /// An event as it is published.
    static func message(_ type: String, _ id: String, _ version: Int64, event: String? = nil) throws -> WireMessage {
        let payload = Moved(amount: amount(version), number: type == "staged" ? Int(version) : 0)
        let envelope = Envelope(
            id: try EventID(event ?? eventID(type, id, version)), source: try EventSource("/test"),
            type: try EventType(Moved.eventType), aggregate: try Aggregate(lab: type, id),
            version: try #require(AggregateVersion(version)), body: Array(try JSONEncoder().encode(payload)))
        return try codec().encode(envelope)
    }

    static func codec() throws -> WireCodec {
        WireCodec(namespace: try Namespace(LabNames.namespace))
    }
}
