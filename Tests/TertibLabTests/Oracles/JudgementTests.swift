import Foundation
import TertibRuntime
import TertibCore
import TertibTesting
import TestServers
import Testing

@testable import TertibLab

@Suite("Judgement by the oracles")
struct JudgementTests {
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
            let found = try await world.violations().map(\.oracle)
            #expect(isRight ? found.isEmpty : found.contains("no-fork-is-silent"), "\(applied) \(status): \(found)")
            // The event that took effect may have a letter; a copy makes another one if it stands before those known.
            let copies = [("'\(applied)'", 1, !isRight), ("event_id", -1, !isRight), ("event_id", 2, true)]
            for (number, (event, distance, isFound)) in copies.enumerated() {
                try await world.execute(
                    "INSERT INTO tertib_dead_letter SELECT 'copy-\(number)', consumer, aggregate_type, aggregate_id, "
                        + "version, \(event), stream_created_at, stream_sequence + \(distance), subject, headers, body, "
                        + "reason, error, attempts, '2027-\(number)', last_failed_at, resolution, resolved_at, "
                        + "resolved_by, replaced_event_id FROM tertib_dead_letter WHERE id = 'e'")
                #expect(
                    try await world.violations().contains { $0.oracle == "no-fork-is-silent" } == isFound,
                    "a copy of \(event) is a dead letter beside \(applied)")
            }
            try await world.execute("DELETE FROM tertib_dead_letter WHERE aggregate_type = 'forked'")
            #expect(try await world.violations().contains { $0.oracle == "no-fork-is-silent" }, "silent")
        }
    }

    @Test("Know what the stream had before it was removed")
    func removed() async throws {
        let world = try await LabWorld()
        let aggregate = try Aggregate(lab: "foreign", "1")
        func entry(_ version: Int64, at sequence: UInt64) throws -> StreamFacts.Entry {
            let message = try LabWorld.message("foreign", "1", version)
            return StreamFacts.entry(try LabWorld.codec().decode(message), at: sequence)
        }
        var stream = StreamFacts()
        stream.add(try LabWorld.logged("foreign", "1", 2, at: 9), try LabWorld.codec())
        stream.add(removed: [(aggregate, try entry(1, at: 0)), (aggregate, try entry(2, at: 0))])
        #expect(stream.entries[aggregate]?.map(\.version) == [1, 2])
        #expect(stream.events == 2)
        #expect(try await world.violations(stream: stream).contains { $0.oracle == "state-equals-history" })
    }

    @Test("find secrets, payloads and control characters in logs, and nothing wrong with other lines")
    func logs() {
        func found(_ line: String) -> [String] {
            var finding = Canary.Finding()
            finding.add(Data(("first\n" + line + "\n").utf8), of: "r", secrets: ["geheim"])
            #expect(finding.lines == 2)
            return finding.violations.map(\.statement)
        }
        #expect(found("warning poison/1\\u001b[31m\\u000d'; DROP TABLE lab_row; -- failed") == [])
        #expect(found("body \(Canary.payload)").first?.contains("payload") == true)
        #expect(found("password geheim").first?.contains("secret") == true)
        #expect(found("id \u{1B}[31m").first?.contains("control") == true)
        #expect(found("id \r").first?.contains("control") == true)
        #expect(found("'; DROP TABLE lab_row").first?.contains("control") == true)
    }

    /// What is done to the database, and which oracle has to find it.
    static let doctored: [(sql: String, oracle: String)] = [
        ("UPDATE lab_row SET value = value + 1 WHERE aggregate_id = 'a'", "state-equals-history"),
        ("UPDATE lab_row SET history = '1,3,2,4,5,6,7' WHERE aggregate_type = 'foreign'", "state-equals-history"),
        ("DELETE FROM lab_row WHERE aggregate_type = 'foreign'", "state-equals-history"),
        ("INSERT INTO lab_row VALUES ('foreign', 'ghost', 1, 1, '1')", "state-equals-history"),
        ("DELETE FROM lab_ledger WHERE aggregate_type = 'foreign' AND version = 3", "applied-once"),
        ("UPDATE lab_ledger SET event_id = 'other' WHERE aggregate_type = 'foreign' AND version = 3", "applied-once"),
        ("INSERT INTO lab_ledger VALUES ('foreign', '1', 8, 'foreign-1-8')", "applied-once"),
        ("UPDATE tertib_watermark SET version = 6 WHERE aggregate_type = 'foreign'", "rests"),
        ("UPDATE tertib_watermark SET status = 'gap' WHERE aggregate_type = 'foreign'", "rests"),
        ("UPDATE tertib_watermark SET parked = 3 WHERE aggregate_type = 'poison'", "watermarks-contiguous"),
        ("UPDATE tertib_parked SET version = 2 WHERE version = 5", "watermarks-contiguous"),
        (
            "UPDATE tertib_parked SET aggregate_type = 'foreign', aggregate_id = '1', version = 9 WHERE version = 6",
            "rests"
        ),
        ("DELETE FROM tertib_dead_letter", "rests"),
        ("UPDATE tertib_dead_letter SET version = 5", "others-unaffected"),
        ("UPDATE tertib_dead_letter SET aggregate_type = 'foreign', aggregate_id = '1'", "others-unaffected"),
        ("UPDATE tertib_watermark SET status = 'ok' WHERE aggregate_type = 'poison'", "rests"),
        (
            "INSERT INTO tertib_watermark SELECT consumer, aggregate_type, 'ghost', version, event_id, stream_sequence, "
                + "0, 'ok', NULL, NULL, ordering, generation, revision, updated_at, NULL, NULL FROM tertib_watermark "
                + "WHERE aggregate_type = 'staged'", "within-limits"
        ),
        ("UPDATE tertib_head SET version = 3 WHERE aggregate_type = 'staged'", "published-iff-committed"),
        ("UPDATE tertib_head SET published_version = 1 WHERE aggregate_type = 'staged'", "published-iff-committed"),
        ("DELETE FROM lab_staged WHERE number = 2", "published-iff-committed"),
        ("INSERT INTO lab_staged VALUES (3, 'staged', 'a', 3)", "published-iff-committed"),
        (
            "INSERT INTO tertib_outbox (aggregate_type, aggregate_id, version, event_id, envelope, staged_at) "
                + "VALUES ('staged', 'a', 3, 'x', x'00', '2026')", "published-iff-committed"
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
        func found(_ messages: [LoggedMessage]) async throws -> [String] {
            var stream = world.stream
            for message in messages { stream.add(message, try LabWorld.codec()) }
            return try await world.violations(stream: stream)
                .filter { $0.oracle == "published-iff-committed" }.map(\.statement)
        }
        #expect(try await found([]) == [])
        let twice = try await found([try LabWorld.logged("foreign", "1", 2, event: "other", at: 50)])
        #expect(twice.contains { $0.contains("is in the stream twice") })
        let hole = try await found([try LabWorld.logged("staged", "a", 4, at: 51)])
        #expect(hole.contains { $0.contains("and only 3 versions") })
        #expect(
            try await found([try LabWorld.logged("foreign", "1", 9, at: 51)])
                .contains { $0.contains("has version 9 in the stream, and only 8 versions") })
        let reversed = [
            try LabWorld.logged("staged", "a", 4, at: 52), try LabWorld.logged("staged", "a", 3, at: 53),
        ]
        try await world.execute("INSERT INTO lab_staged VALUES (3, 'staged', 'a', 3), (4, 'staged', 'a', 4)")
        #expect(try await found(reversed).contains { $0.contains("is published after version 2") })
        let malformed = LoggedMessage(
            message: WireMessage(subject: "lab.foreign.1", headers: [], body: []), sequence: StreamSequence(54),
            storedAt: Timestamp(microseconds: 0))
        #expect(try await found([malformed]).contains { $0.contains("breaks the wire contract") })
    }

    @Test("find an effect without an attempt, and a second application behind the fence")
    func attempts() async throws {
        let world = try await LabWorld()
        #expect(try await world.violations(attempts: AttemptFacts()).map(\.oracle).contains("applied-once"))
        var repeated = world.attempts
        repeated.add("! foreign 1 3 foreign-1-3\n")
        #expect(try await world.violations(attempts: repeated).map(\.oracle) == ["applied-once"])
    }
}

@Suite("The oracle of acknowledgements")
struct AcknowledgementJudgementTests {
    @Test("takes what is applied, parked or a dead letter, and nothing else")
    func judges() async throws {
        let world = try await LabWorld()
        let log = MemoryLog(
            namespace: try Namespace(LabNames.namespace), stream: try StreamName(LabNames.stream))
        let bus = try world.service(on: log)
        let events: [(type: String, id: String, version: Int64, isKept: Bool)] = [
            ("foreign", "1", 7, true), ("foreign", "1", 1, true), ("poison", "1", 4, true), ("poison", "1", 6, true),
            ("foreign", "1", 8, false), ("poison", "1", 7, false), ("foreign", "2", 1, false),
        ]
        for (index, event) in events.enumerated() {
            _ = log.store(try LabWorld.message(event.type, event.id, event.version))
            let finding = try await Judgement.ofAcknowledged([UInt64(index + 1)], by: bus)
            #expect(finding.checked == 1)
            #expect(finding.violations.map(\.oracle) == (event.isKept ? [] : ["acknowledged-after-commit"]), "\(event)")
        }
        #expect(try await Judgement.ofAcknowledged(Array(1...7), by: bus).violations.count == 3)
        log.deleteMessage(StreamSequence(5))
        #expect(
            try await Judgement.ofAcknowledged([5, 6], by: bus).checked == 1,
            "what was trimmed meanwhile cannot be looked at")
    }
}
