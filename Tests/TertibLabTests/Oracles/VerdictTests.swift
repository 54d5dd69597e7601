import Foundation
import TertibRuntime
import TertibCore
import TertibTesting
import TestServers
import Testing

@testable import TertibLab

@Suite("The oracles")
struct VerdictTests {
    @Test("find nothing wrong with a world that is right")
    func right() async throws {
        let world = try await LabWorld()
        #expect(try await world.violations() == [])
    }

    @Test("see that of two events of one version the stream's first has taken effect, or that it is quarantined")
    func forks() async throws {
        for (applied, status, isRight) in [
            ("forked-f-2", "ok", true), ("forked-f-2", "quarantined", false), ("other", "quarantined", true),
            ("other", "ok", false), ("other", "gap", false),
        ] {
            var world = try await LabWorld()
            try await world.addFork(applied: applied, status: status)
            #expect(try await world.violations().map(\.oracle) == (isRight ? [] : [.forks]), "\(applied) \(status)")
            // The event that took effect may have a letter; a copy makes another one if it stands before those known.
            let copies = [("'\(applied)'", 1, !isRight), ("event_id", -1, !isRight), ("event_id", 2, true)]
            for (number, (event, distance, isFound)) in copies.enumerated() {
                try await world.execute(
                    "INSERT INTO tertib_dead_letter SELECT 'copy-\(number)', consumer, aggregate_type, aggregate_id, "
                        + "version, \(event), stream_created_at, stream_sequence + \(distance), subject, headers, body, "
                        + "reason, error, attempts, '2027-\(number)', last_failed_at, resolution, resolved_at, "
                        + "resolved_by, replaced_event_id FROM tertib_dead_letter WHERE id = 'e'")
                #expect(
                    try await world.violations().contains { $0.oracle == .forks } == isFound,
                    "a copy of \(event) is a dead letter beside \(applied)")
            }
            try await world.execute("DELETE FROM tertib_dead_letter WHERE aggregate_type = 'forked'")
            #expect(try await world.violations().contains { $0.oracle == .forks }, "silent")
        }
    }

    @Test("know what the stream had before it was removed")
    func removed() async throws {
        let world = try await LabWorld()
        var stream = StreamFacts()
        stream.remember([try LabWorld.sighting("foreign", "1", 1, at: 0)])
        stream.note(try LabWorld.sighting("foreign", "1", 2, at: 9))
        stream.remember([try LabWorld.sighting("foreign", "1", 2, at: 0)])
        let aggregate = try Aggregate(lab: "foreign", "1")
        #expect(stream.contiguous(aggregate) == 2)
        #expect(stream.events == 2)
        #expect(try await world.violations(stream: stream).contains { $0.oracle == .ledger })
    }

    @Test("find secrets, payloads and control characters in logs, and nothing wrong with other lines")
    func logs() {
        func found(_ line: String) -> [String] {
            let finding = Canary.look(into: Data(("first\n" + line + "\n").utf8), of: "r", secrets: ["geheim"])
            #expect(finding.lines == 2)
            return finding.violations.map(\.what)
        }
        #expect(found("warning poison/1\\u001b[31m\\u000d'; DROP TABLE lab_row; -- failed") == [])
        #expect(found("body \(Canary.payload)").first?.contains("payload") == true)
        #expect(found("password geheim").first?.contains("secret") == true)
        #expect(found("id \u{1B}[31m").first?.contains("control") == true)
        #expect(found("id \r").first?.contains("control") == true)
        #expect(found("'; DROP TABLE lab_row").first?.contains("control") == true)
    }

    /// What is done to the database, and which oracle has to find it.
    static let doctored: [(sql: String, oracle: LabOracle)] = [
        ("UPDATE lab_row SET value = value + 1 WHERE aggregate_id = 'a'", .fold),
        ("UPDATE lab_row SET history = '1,3,2,4,5,6,7' WHERE aggregate_type = 'foreign'", .fold),
        ("DELETE FROM lab_row WHERE aggregate_type = 'foreign'", .fold),
        ("INSERT INTO lab_row VALUES ('foreign', 'ghost', 1, 1, '1')", .fold),
        ("DELETE FROM lab_ledger WHERE aggregate_type = 'foreign' AND version = 3", .ledger),
        ("UPDATE lab_ledger SET event_id = 'other' WHERE aggregate_type = 'foreign' AND version = 3", .ledger),
        ("INSERT INTO lab_ledger VALUES ('foreign', '1', 8, 'foreign-1-8')", .ledger),
        ("UPDATE tertib_watermark SET version = 6 WHERE aggregate_type = 'foreign'", .rest),
        ("UPDATE tertib_watermark SET status = 'gap' WHERE aggregate_type = 'foreign'", .rest),
        ("UPDATE tertib_watermark SET parked = 3 WHERE aggregate_type = 'poison'", .watermarks),
        ("UPDATE tertib_parked SET version = 2 WHERE version = 5", .watermarks),
        (
            "UPDATE tertib_parked SET aggregate_type = 'foreign', aggregate_id = '1', version = 9 WHERE version = 6",
            .rest
        ),
        ("DELETE FROM tertib_dead_letter", .isolation),
        ("UPDATE tertib_dead_letter SET version = 5", .isolation),
        ("UPDATE tertib_dead_letter SET aggregate_type = 'foreign', aggregate_id = '1'", .isolation),
        ("UPDATE tertib_watermark SET status = 'ok' WHERE aggregate_type = 'poison'", .isolation),
        (
            "INSERT INTO tertib_watermark SELECT consumer, aggregate_type, 'ghost', version, event_id, stream_sequence, "
                + "0, 'ok', NULL, NULL, ordering, generation, revision, updated_at, NULL, NULL FROM tertib_watermark "
                + "WHERE aggregate_type = 'staged'", .bounds
        ),
        ("UPDATE tertib_head SET version = 3 WHERE aggregate_type = 'staged'", .publishing),
        ("UPDATE tertib_head SET published_version = 1 WHERE aggregate_type = 'staged'", .publishing),
        ("DELETE FROM lab_staged WHERE number = 2", .publishing),
        ("INSERT INTO lab_staged VALUES (3, 'staged', 'a', 3)", .publishing),
        (
            "INSERT INTO tertib_outbox (aggregate_type, aggregate_id, version, event_id, envelope, staged_at) "
                + "VALUES ('staged', 'a', 3, 'x', x'00', '2026')", .publishing
        ),
    ]

    @Test("find each thing that is wrong in the database", arguments: doctored.indices)
    func wrong(index: Int) async throws {
        let (sql, oracle) = Self.doctored[index]
        let world = try await LabWorld()
        try await world.execute(sql)
        let found = try await world.violations().map(\.oracle)
        #expect(found.contains(oracle), "\(sql) is found by \(found)")
    }

    @Test("find a version with two events in the stream, one that is missing, and one out of order")
    func stream() async throws {
        let world = try await LabWorld()
        var twice = world.stream
        twice.note(try LabWorld.sighting("foreign", "1", 2, event: "other", at: 50))
        #expect(try await world.violations(stream: twice).map(\.oracle).contains(.publishing))
        var hole = world.stream
        hole.note(try LabWorld.sighting("staged", "a", 4, at: 51))
        #expect(try await world.violations(stream: hole).map(\.oracle).contains(.publishing))
        var reversed = world.stream
        reversed.note(try LabWorld.sighting("appended", "x", 3, at: 52))
        reversed.note(try LabWorld.sighting("appended", "x", 2, at: 53))
        #expect(
            try await world.violations(stream: reversed)
                .contains { $0.what.contains("before its predecessor") })
        var malformed = world.stream
        malformed.note(nil)
        #expect(try await world.violations(stream: malformed).map(\.oracle) == [.publishing])
    }

    @Test("find an effect without an attempt, and a second application behind the fence")
    func attempts() async throws {
        let world = try await LabWorld()
        #expect(try await world.violations(attempts: AttemptFacts()).map(\.oracle).contains(.ledger))
        var repeated = world.attempts
        repeated.note("! foreign 1 3 foreign-1-3\n")
        #expect(try await world.violations(attempts: repeated).map(\.oracle) == [.ledger])
    }

    @Test("find a delivery that nobody accounts for")
    func accounts() {
        var counts = ConsumerCounts()
        counts.delivered = 10
        counts.appliedFromDelivery = 6
        counts.applied = 7
        counts.drained = 1
        counts.parked = 1
        counts.stale = 3
        #expect(Accounts.judge(counts, of: "replica-1") == nil)
        counts.stale = 2
        #expect(Accounts.judge(counts, of: "replica-1")?.oracle == .accounts)
        counts.stale = 3
        counts.applied = 8
        #expect(Accounts.judge(counts, of: "replica-1")?.oracle == .accounts)
    }
}

@Suite("The oracle of acknowledgements")
struct AcknowledgementJudgeTests {
    @Test("takes what is applied, parked or a dead letter, and nothing else")
    func judges() async throws {
        let world = try await LabWorld()
        let log = MemoryLog(
            namespace: try Namespace(LabNames.namespace), stream: try StreamName(LabNames.stream))
        let judge = AcknowledgementJudge(tertib: try world.service(on: log))
        let events: [(type: String, id: String, version: Int64, isKept: Bool)] = [
            ("foreign", "1", 7, true), ("foreign", "1", 1, true), ("poison", "1", 4, true), ("poison", "1", 6, true),
            ("foreign", "1", 8, false), ("poison", "1", 7, false), ("foreign", "2", 1, false),
        ]
        for (index, event) in events.enumerated() {
            _ = log.store(try LabWorld.message(event.type, event.id, event.version))
            let finding = try await judge.judge([UInt64(index + 1)])
            #expect(finding.checked == 1)
            #expect(finding.violations.map(\.oracle) == (event.isKept ? [] : [.acknowledgements]), "\(event)")
        }
        #expect(try await judge.judge(Array(1...7)).violations.count == 3)
        log.deleteMessage(StreamSequence(5))
        #expect(try await judge.judge([5, 6]).checked == 1, "what was trimmed meanwhile cannot be looked at")
    }
}
