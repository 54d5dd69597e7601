import TertibRuntime
import TertibCore
import Testing

@testable import TertibJetStream

/// What doctor says about streams and durable consumers, given what the broker tells.
struct ExaminationTests {
    private static let sound = #"""
        "name":"SHOP","subjects":["shop.>"],"retention":"limits","storage":"file","discard":"new","num_replicas":3,
        "allow_direct":true,"deny_delete":true,"deny_purge":true,"max_bytes":1000,"duplicate_window":120000000000
        """#

    private func options(_ management: ManagementMode = .check) throws -> JetStreamOptions {
        JetStreamOptions(
            servers: ["nats://127.0.0.1:4222"], stream: try StreamName("SHOP"), namespace: try Namespace("shop"),
            management: management)
    }

    /// The checks that say something about a stream, each with its level.
    private func findings(
        config: String = "", state: String = #""bytes":10,"first_seq":1"#, cluster: String = #"{"leader":"a"}"#,
        server: ServerVersion? = ServerVersion(2, 11, 0), publishes: Bool = true, _ management: ManagementMode = .check
    ) throws -> [String] {
        var description = try JSONValue(parsing: Array("{\(Self.sound)}".utf8))
        let changes = try JSONValue(parsing: Array("{\(config)}".utf8))
        if case .object(let fields) = changes { for field in fields { description[field.key] = field.value } }
        let answer: JSONValue = [
            "created": "2026-01-01T00:00:00Z", "config": description,
            "state": try JSONValue(parsing: Array("{\(state)}".utf8)),
            "cluster": try JSONValue(parsing: Array(cluster.utf8)),
        ]
        let examination = StreamExamination(
            rules: StreamRules(try options(management)), publishes: publishes, oldestServer: server)
        return examination.findings(try #require(StreamDescription(answer))).map { "\($0.level) \($0.check)" }
    }

    @Test("there is nothing to say about a sound stream")
    func sound() throws {
        #expect(try findings().isEmpty)
    }

    @Test(
        "what loses events fails",
        arguments: [
            #""retention":"workqueue""#, #""retention":"interest""#, #""storage":"memory""#, #""discard":"old""#,
            #""max_msgs_per_subject":1"#, #""max_age":1000000000"#, #""no_ack":true"#,
        ])
    func unsafe(config: String) throws {
        #expect(try findings(config: config).first == "fail stream-safety")
    }

    @Test(
        "what will bite is a warning",
        arguments: [
            (#""allow_direct":false"#, "stream-history"), (#""max_age":86400000000000"#, "stream-history"),
            (#""allow_rollup_hdrs":true"#, "stream-history"), (#""deny_purge":false"#, "stream-deletion"),
            (#""num_replicas":1"#, "stream-durability"), (#""num_replicas":2"#, "stream-durability"),
            (#""max_bytes":-1"#, "stream-room"), (#""duplicate_window":1000000000"#, "stream-duplicates"),
            (#""duplicate_window":7200000000000"#, "stream-duplicates"),
        ])
    func warnings(config: String, check: String) throws {
        #expect(try findings(config: config) == ["warn \(check)"])
    }

    @Test("subjects that miss events fail under check")
    func shape() throws {
        #expect(try findings(config: #""subjects":["shop.product.*"]"#) == ["fail stream-shape"])
        #expect(try findings(config: #""subjects":["shop.product.*"]"#, .create) == ["info stream-shape"])
    }

    @Test("a stream that fills up warns, then fails")
    func room() throws {
        #expect(try findings(state: #""bytes":800,"first_seq":1"#).isEmpty)
        #expect(try findings(state: #""bytes":810,"first_seq":1"#) == ["warn stream-room"])
        #expect(try findings(state: #""bytes":960,"first_seq":1"#) == ["fail stream-room"])
    }

    @Test("history that is not whole is told")
    func history() throws {
        #expect(try findings(state: #""first_seq":7"#) == ["warn stream-trimmed"])
        #expect(try findings(state: #""first_seq":1,"num_deleted":3"#) == ["info stream-holes"])
    }

    @Test("a cluster without a leader fails, one with a replica behind warns")
    func cluster() throws {
        #expect(try findings(cluster: #"{"leader":""}"#) == ["fail stream-leader"])
        #expect(
            try findings(cluster: #"{"leader":"a","replicas":[{"name":"b","current":false,"lag":9}]}"#)
                == ["warn stream-replica"])
        #expect(
            try findings(cluster: #"{"leader":"a","replicas":[{"name":"b","current":true},{"offline":true}]}"#)
                == ["warn stream-replica"])
    }

    @Test("a replicated stream of old servers fails for whoever publishes")
    func expectations() throws {
        #expect(try findings(server: ServerVersion(2, 9, 20)) == ["fail stream-expectations"])
        #expect(try findings(server: nil) == ["fail stream-expectations"])
        #expect(try findings(server: ServerVersion(2, 9, 21)).isEmpty)
        #expect(try findings(server: ServerVersion(2, 9, 20), publishes: false).isEmpty)
    }
}

extension ExaminationTests {
    /// The checks that say something about a durable consumer, each with its level.
    private func consumerFindings(
        config: String = "", state: String = #""num_waiting":1"#, _ management: ManagementMode = .check
    ) throws -> [String] {
        var description: JSONValue = [
            "durable_name": "trial-orders", "ack_policy": "explicit", "deliver_policy": "all", "max_deliver": -1,
            "ack_wait": 30_000_000_000, "max_ack_pending": 20_000, "description": "tertib store=mine",
        ]
        let changes = try JSONValue(parsing: Array("{\(config)}".utf8))
        if case .object(let fields) = changes { for field in fields { description[field.key] = field.value } }
        var answer = try JSONValue(parsing: Array("{\(state)}".utf8))
        answer["created"] = "2026-01-01T00:00:00Z"
        answer["config"] = description
        let consumer: ConsumerDescription = try #require(ConsumerDescription(answer))
        return try examination(management).findings(consumer).map { "\($0.level) \($0.check)" }
    }

    private func examination(_ management: ManagementMode) throws -> ConsumerExamination {
        ConsumerExamination(
            rules: ConsumerRules(
                Subscription(durableName: "trial-orders", storeID: "mine"), namespace: try Namespace("shop")),
            management: management, lastSequence: StreamSequence(100))
    }

    @Test("there is nothing to say about a sound consumer")
    func soundConsumer() throws {
        #expect(try consumerFindings().isEmpty)
    }

    @Test("a consumer that is not there fails under check only")
    func missingConsumer() throws {
        #expect(try examination(.check).findings(nil).map(\.level) == [.fail])
        #expect(try examination(.create).findings(nil).map(\.level) == [.info])
    }

    @Test(
        "settings of a consumer that lose events fail",
        arguments: [
            (#""ack_policy":"none""#, "consumer-safety"), (#""deliver_subject":"x""#, "consumer-safety"),
            (#""deliver_policy":"new""#, "consumer-safety"), (#""max_deliver":5"#, "consumer-shape"),
            (#""backoff":[1]"#, "consumer-shape"), (#""filter_subject":"shop.order.>""#, "consumer-shape"),
            (#""description":"tertib store=another""#, "consumer-owner"),
        ])
    func unsafeConsumer(config: String, check: String) throws {
        #expect(try consumerFindings(config: config) == ["fail \(check)"])
    }

    @Test(
        "settings of a consumer that will bite are warnings",
        arguments: [
            (#""max_ack_pending":1000"#, ["warn consumer-setting"]), (#""description":"""#, ["warn consumer-setting"]),
            (#""ack_wait":600000000000"#, ["warn consumer-setting", "warn consumer-wait"]),
        ])
    func consumerWarnings(config: String, found: [String]) throws {
        #expect(try consumerFindings(config: config) == found)
    }

    @Test(
        "work that piles up is told",
        arguments: [
            (#""num_waiting":0"#, ["info consumer-idle"]),
            (#""num_waiting":0,"num_pending":7"#, ["warn consumer-idle"]),
            (#""num_waiting":1,"num_ack_pending":16000"#, ["warn consumer-stalled"]),
            (#""num_waiting":1,"num_ack_pending":20000"#, ["warn consumer-stalled"]),
            (#""num_waiting":1,"num_ack_pending":20000,"num_pending":1"#, ["fail consumer-stalled"]),
            (#""num_waiting":1,"num_ack_pending":100,"num_redelivered":21"#, ["warn consumer-redelivered"]),
            (#""num_waiting":1,"delivered":{"stream_seq":101}"#, ["fail consumer-ahead"]),
        ])
    func work(state: String, found: [String]) throws {
        #expect(try consumerFindings(state: state) == found)
    }
}
