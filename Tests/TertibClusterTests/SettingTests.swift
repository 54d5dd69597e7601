import TertibRuntime
import TertibCore
import TertibJetStream
import TertibTesting
import TestServers
import Testing

/// In what the server versions differ, as far as it matters here, and that the product knows about it.
@Suite("What a server version does", .serialized)
struct SettingTests {
    @Test("is what the log believes of its copies", arguments: NatsServer.binaries)
    func expectations(binary: NatsServer.Binary) async throws {
        let cluster = try await NatsCluster.start(binary)
        defer { cluster.kill() }
        var logs: [JetStreamLog] = []
        for server in cluster.servers { logs.append(try await ClusterService.log(cluster, first: server.url)) }
        let rounds = Extent.isFull ? 30 : 10
        var contested = 0
        for round in 0..<rounds where try await winners(of: round, logs) != 1 { contested += 1 }
        try ServerReport.add(binary, "race", "several winners", "\(contested) of \(rounds)")
        let isEnforced = try await logs[0].state().enforcesExpectations
        #expect(isEnforced == !binary.isBefore("2.9.21"))
        #expect(!isEnforced || contested == 0)
        let findings = await logs[0].examine([], publishes: true)
        for finding in findings where finding.level != .info {
            try ServerReport.add(binary, "doctor", finding.check, "\(finding.level.rawValue): \(finding.message)")
        }
        #expect(findings.contains { $0.check == "stream-expectations" && $0.level == .fail } == !isEnforced)
        try await expectConsumers(logs)
        for log in logs { await log.close() }
    }

    /// A JetStream consumer can be used as soon as it is created, whichever server is asked.
    private func expectConsumers(_ logs: [JetStreamLog]) async throws {
        for number in 0..<(Extent.isFull ? 12 : 3) {
            let source = try await logs[number % logs.count].subscribe(
                Subscription(durableName: "consumer-\(number)", storeID: "store"))
            let arrived = try await source.next(upTo: 1, waiting: .seconds(20))
            #expect(arrived.count == 1)
            await source.close()
        }
    }

    /// How many of eight publishes with the same expectation are stored: the second event of an aggregate, because the
    /// first one was enforced by every server.
    private func winners(of round: Int, _ logs: [JetStreamLog]) async throws -> Int {
        let events = try EventFactory()
        let aggregate = try Kind.appended.aggregate(round)
        let second = try #require(AggregateVersion.first.next)
        var head: StreamSequence?
        try await waitUntil("the first event to be stored") {
            let message = try events.message(aggregate, version: .first)
            if case .stored(let sequence, _) = await logs[0].publish(message, expecting: .any) { head = sequence }
            return head != nil
        }
        let expected = try #require(head)
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            for writer in 0..<AppendTests.writerCount {
                let message = try events.message(
                    aggregate, version: second, id: try EventID("round-\(round)-writer-\(writer)"))
                group.addTask {
                    let log = logs[writer % logs.count]
                    guard case .stored = await log.publish(message, expecting: .lastSequence(expected)) else {
                        return false
                    }
                    return true
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    @Test("is not taken for granted: what it drops from a request is noticed", arguments: NatsServer.binaries)
    func requests(binary: NatsServer.Binary) async throws {
        let server = try await NatsServer.start(binary)
        defer { server.kill() }
        let client = try RawNatsClient(port: server.port)
        let stream = try client.request(
            "$JS.API.STREAM.CREATE.SHOP", #"{"name":"SHOP","subjects":["shop.>"],"storage":"file"}"#)
        #expect(stream.contains("\"created\""), "\(stream)")
        let unknown = try client.request(
            "$JS.API.STREAM.CREATE.OTHER", #"{"name":"OTHER","subjects":["other.>"],"no_such_field":1}"#)
        try ServerReport.add(
            binary, "setting", "a field that it does not know", unknown.contains("\"error\"") ? "refused" : "dropped")
        let filtered = try client.request(
            "$JS.API.CONSUMER.DURABLE.CREATE.SHOP.filtered",
            """
            {"stream_name":"SHOP","config":{"durable_name":"filtered","ack_policy":"explicit",\
            "filter_subjects":["shop.a.*","shop.b.*"]}}
            """)
        let isKept = filtered.contains("shop.b.*")
        #expect(isKept == !binary.isBefore("2.10"), "\(filtered)")
        try ServerReport.add(binary, "setting", "several filter subjects", isKept ? "kept" : "dropped")
        let synced = try? await NatsServer.start(binary, jetStream: "sync_interval: always")
        synced?.kill()
        #expect((synced != nil) == !binary.isBefore("2.10"))
        try ServerReport.add(binary, "setting", "sync_interval: always", synced == nil ? "refused" : "taken")
    }
}
