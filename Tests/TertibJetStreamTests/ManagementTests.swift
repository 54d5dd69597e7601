import Foundation
import Synchronization
import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

@Suite("Creating and checking stream and consumer")
struct ManagementTests {
    private func create(_ config: String, on fixture: Fixture) async throws {
        var answer = ""
        // 2.15 cannot create a stream for a moment after one of the same name was deleted.
        try await waitUntil("the stream to be created") {
            answer = try fixture.raw().request("$JS.API.STREAM.CREATE.SHOP", config)
            return !answer.contains("\"err_code\":10049")
        }
        try #require(!answer.contains("\"error\""), "\(answer)")
    }

    private func info(_ fixture: Fixture) throws -> String {
        try fixture.raw().request("$JS.API.STREAM.INFO.SHOP")
    }

    @Test("a missing stream is created, and a second start changes nothing", arguments: NatsServer.binaries)
    func creates(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let config = try info(fixture)
            for part in [
                #""subjects":["shop.\u003e"]"#, #""retention":"limits""#, #""storage":"file""#, #""discard":"new""#,
                #""allow_direct":true"#, #""num_replicas":1"#,
            ] {
                #expect(config.contains(part), "\(part) in \(config)")
            }
            let created = try await log.state().createdAt
            #expect(try await log.prepareStream().createdAt == created)
            await log.close()
        }
    }

    @Test("replicas that start at once agree on one stream and one consumer", arguments: NatsServer.binaries)
    func together(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            var logs: [JetStreamLog] = []
            for _ in 0..<6 { logs.append(try await fixture.connectedLog()) }
            for round in 0..<20 {
                let created = try await withThrowingTaskGroup(of: Timestamp.self) { group in
                    for log in logs {
                        group.addTask {
                            try await log.prepareStream()
                            let source = try await log.subscribe(subscription())
                            await source.close()
                            return try await log.state().createdAt
                        }
                    }
                    return try await group.reduce(into: Set<Timestamp>()) { $0.insert($1) }
                }
                #expect(created.count == 1, "round \(round)")
                // 2.15 cannot create a stream for a moment after one of the same name was deleted.
                _ = try fixture.raw().request("$JS.API.STREAM.DELETE.SHOP")
                try await create(#"{"name":"SHOP","subjects":["shop.>"]}"#, on: fixture)
                _ = try fixture.raw().request("$JS.API.STREAM.DELETE.SHOP")
            }
            for log in logs { await log.close() }
        }
    }

    @Test(
        "a replica that loses the race for the stream finds the winner's, however the server says it",
        arguments: NatsServer.binaries, [("stream name already in use", 10058), ("subjects overlap", 10065)])
    func lostRace(_ binary: NatsServer.Binary, _ answer: (text: String, code: Int)) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.connectedLog { $0.apiPrefix = "SLOW.API" }
            let race = LostRace(port: fixture.server.port, answer: answer.text, code: answer.code)
            try await waitUntil("the subscription") { race.progress.isListening }
            async let prepared = log.prepareStream()
            try await waitUntil("four calls") { race.progress.isOver }
            let verbs = race.progress.verbs
            #expect(race.progress.error == nil)
            #expect(verbs == ["INFO", "CREATE", "INFO", "INFO"].map { "STREAM.\($0).SHOP" })
            _ = try await prepared
            await log.close()
        }
    }

    @Test("subjects that really belong to another stream are refused", arguments: NatsServer.binaries)
    func overlap(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let answer = try fixture.raw().request(
                "$JS.API.STREAM.CREATE.OTHER", #"{"name":"OTHER","subjects":["shop.>"]}"#)
            try #require(!answer.contains("\"error\""), "\(answer)")
            let log = try await fixture.connectedLog()
            let error = await #expect(throws: EventLogError.self) { try await log.prepareStream() }
            #expect(error?.code == .invalid)
            #expect(error?.reason.contains("overlap") == true)
            await log.close()
        }
    }

    @Test("an existing stream gets what is missing, and keeps what somebody set", arguments: NatsServer.binaries)
    func improves(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            try await create(
                #"{"name":"SHOP","description":"ours","subjects":["shop.product.*","extra.*"],"storage":"file","#
                    + #""discard":"old","max_msg_size":5000,"duplicate_window":60000000000,"max_consumers":7}"#,
                on: fixture)
            let log = try await fixture.log()
            let config = try info(fixture)
            for part in [
                #""description":"ours""#, #""max_msg_size":5000"#, #""duplicate_window":60000000000"#,
                #""max_consumers":7"#, "extra.*", #"shop.\u003e"#, #""discard":"new""#, #""allow_direct":true"#,
            ] {
                #expect(config.contains(part), "\(part) in \(config)")
            }
            #expect(!config.contains("shop.product.*"))
            await log.close()
        }
    }

    private static let dangerous: [(config: String, words: String)] = [
        (#""storage":"file","discard":"new","retention":"workqueue""#, "retention is workqueue"),
        (#""storage":"file","discard":"new","retention":"interest""#, "retention is interest"),
        (#""storage":"memory","discard":"new""#, "in memory"),
        (#""storage":"file","discard":"old","max_msgs":1000"#, "discards old events at its limit (max_msgs)"),
        (#""storage":"file","discard":"old","max_bytes":1000000"#, "discards old events at its limit (max_bytes)"),
        (#""storage":"file","discard":"new","max_msgs_per_subject":10"#, "max_msgs_per_subject"),
        (#""storage":"file","discard":"new","max_age":300000000000"#, "shorter than the gap limit"),
        (#""storage":"file","discard":"new","no_ack":true"#, "acknowledges nothing"),
    ]

    @Test(
        "a stream that would lose events is refused with the reason, created or checked", arguments: NatsServer.binaries
    )
    func refuses(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            for (config, words) in Self.dangerous {
                try await create(
                    "{\"name\":\"SHOP\",\"subjects\":[\"shop.>\"],\"num_replicas\":1,\(config)}", on: fixture)
                for mode in [ManagementMode.create, .check] {
                    let log = try await fixture.connectedLog { $0.management = mode }
                    let error = await #expect(throws: EventLogError.self) { try await log.prepareStream() }
                    #expect(error?.code == .unsafeConfiguration)
                    #expect(error?.reason.contains(words) == true, "\(error?.reason ?? "") should say \(words)")
                    #expect(error?.advice?.isEmpty == false)
                    await log.close()
                }
                _ = try fixture.raw().request("$JS.API.STREAM.DELETE.SHOP")
            }
        }
    }

    @Test("limits that lose nothing are no reason to refuse", arguments: NatsServer.binaries)
    func accepts(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let harmless = [
                #""discard":"new","max_bytes":1000000,"max_msgs":1000"#,
                #""discard":"new","max_msgs_per_subject":10,"discard_new_per_subject":true"#,
                #""discard":"new","max_age":3600000000000"#,
            ]
            for config in harmless {
                try await create(
                    "{\"name\":\"SHOP\",\"subjects\":[\"shop.>\"],\"storage\":\"file\",\"num_replicas\":1,\(config)}",
                    on: fixture)
                let log = try await fixture.log { $0.management = .check }
                await log.close()
                _ = try fixture.raw().request("$JS.API.STREAM.DELETE.SHOP")
            }
        }
    }

    @Test("a check creates and changes nothing", arguments: NatsServer.binaries)
    func checks(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.connectedLog { $0.management = .check }
            let missing = await #expect(throws: EventLogError.self) { try await log.prepareStream() }
            #expect(missing?.code == .streamGone)
            try await create(
                #"{"name":"SHOP","subjects":["other.>"],"storage":"file","discard":"new","num_replicas":1}"#,
                on: fixture)
            let before = try info(fixture)
            let other = await #expect(throws: EventLogError.self) { try await log.prepareStream() }
            #expect(other?.code == .unsafeConfiguration)
            #expect(other?.reason.contains("shop.>") == true)
            let absent = await #expect(throws: EventLogError.self) { try await log.subscribe(subscription()) }
            #expect(absent?.code == .consumerGone)
            #expect(try info(fixture).firstRange(of: #""config":"#) == before.firstRange(of: #""config":"#))
            #expect(try await log.consumerNames() == [])
            await log.close()
        }
    }
}

/// Stands between a replica and the server's API, on a thread of its own: the winner creates the stream just before the
/// replica does.
private final class LostRace: Sendable {
    struct Progress {
        var isListening = false
        var verbs: [String] = []
        var isOver = false
        var error: String?
    }
    private let state = Mutex(Progress())

    var progress: Progress { state.withLock { $0 } }

    init(port: Int, answer: String, code: Int) {
        Thread { [self] in
            do {
                try run(port, #"{"error":{"code":400,"err_code":\#(code),"description":"\#(answer)"}}"#)
            } catch {
                state.withLock { $0.error = "\(error)" }
            }
            state.withLock { $0.isOver = true }
        }.start()
    }

    private func run(_ port: Int, _ lost: String) throws {
        let (requests, server) = (try RawNatsClient(port: port), try RawNatsClient(port: port))
        try requests.subscribe("SLOW.API.STREAM.*.SHOP")
        state.withLock { $0.isListening = true }
        for _ in 0..<4 {
            let request = try requests.nextMessage()
            let verb = String(request.subject.dropFirst("SLOW.API.".count))
            let isFirstCreate = verb == "STREAM.CREATE.SHOP" && !progress.verbs.contains(verb)
            state.withLock { $0.verbs.append(verb) }
            let body = try server.request("$JS.API.\(verb)", request.body)
            try requests.publish(request.reply, body: isFirstCreate ? lost : body)
        }
    }
}
