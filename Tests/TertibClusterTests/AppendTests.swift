import TertibRuntime
import TertibCore
import TertibJetStream
import TestServers
import Testing

/// Several writers append at one version of one aggregate of a stream with three copies.
@Suite("Appending to a replicated stream", .serialized)
struct AppendTests {
    static let writerCount = 8
    /// Servers before 2.9.21 do not enforce the expectation there.
    static let enforcing = NatsServer.binaries.filter {
        !$0.isBefore("2.9.21") && (Extent.isFull || $0 == NatsServer.newest)
    }
    static let careless = NatsServer.binaries.filter { $0.isBefore("2.9.21") }

    @Test("has one winner for each version, and the others are told which version there is", arguments: enforcing)
    func oneWinner(binary: NatsServer.Binary) async throws {
        try await withWriters(on: binary) { writers, _ in
            let aggregate = try Kind.appended.aggregate(1)
            var version = AggregateVersion.none
            let rounds = Extent.isFull ? 100 : 20
            for _ in 0..<rounds {
                let outcomes = try await race(writers, at: version, of: aggregate)
                #expect(outcomes.winners.count == 1, "version \(version)")
                #expect(outcomes.conflicts.count == writers.count - 1, "version \(version): \(outcomes)")
                version = try #require(version.next)
                #expect(outcomes.winners == [version])
                #expect(outcomes.conflicts.allSatisfy { $0.expected.next == version })
                #expect(outcomes.conflicts.allSatisfy { $0.actual == nil || $0.actual == version })
            }
            try ServerReport.add(binary, "append", "three copies", "one winner in each of \(rounds) races")
        }
    }

    @Test("is refused, with the reason, where the server does not enforce the expectation", arguments: careless)
    func refused(binary: NatsServer.Binary) async throws {
        try await withWriters(on: binary) { writers, log in
            let aggregate = try Kind.appended.aggregate(1)
            for writer in writers {
                let error = await #expect(throws: PublishingError.self) {
                    try await writer.append(Moved(amount: 1), to: aggregate, expecting: AggregateVersion.none)
                }
                #expect(error?.code == .unsafeStream)
                #expect(error?.reason.contains("does not enforce expected versions") == true)
                #expect(error?.advice?.contains("2.9.21") == true)
            }
            #expect(try await log.state().lastSequence == .none, "nothing was written")
            let finding = await log.examine([], publishes: true).first { $0.check == "stream-expectations" }
            #expect(finding?.level == .fail)
            try ServerReport.add(binary, "append", "three copies", "refused")
        }
    }

    private struct Outcomes {
        var winners: [AggregateVersion] = []
        var conflicts: [VersionConflict] = []
    }

    private func race(
        _ writers: [EventBus], at version: AggregateVersion, of aggregate: Aggregate
    ) async throws -> Outcomes {
        try await withThrowingTaskGroup(of: Result<AggregateVersion, VersionConflict>.self) { group in
            for (number, writer) in writers.enumerated() {
                group.addTask {
                    do {
                        let event = Moved(amount: Int64(number))
                        return .success(try await writer.append(event, to: aggregate, expecting: version).version)
                    } catch let conflict as VersionConflict {
                        return .failure(conflict)
                    }
                }
            }
            return try await group.reduce(into: Outcomes()) { outcomes, result in
                switch result {
                case .success(let version): outcomes.winners.append(version)
                case .failure(let conflict): outcomes.conflicts.append(conflict)
                }
            }
        }
    }

    /// Eight writers with a connection each, to each of the servers in turn, and a log to look at the stream.
    private func withWriters(
        on binary: NatsServer.Binary, _ body: ([EventBus], JetStreamLog) async throws -> Void
    ) async throws {
        let cluster = try await NatsCluster.start(binary)
        defer { cluster.kill() }
        let log = try await ClusterService.log(cluster)
        let directory = try TemporaryDirectory()
        var writers: [EventBus] = []
        for number in 0..<Self.writerCount {
            let first = cluster.servers[number % cluster.servers.count].url
            let writer = try await ClusterService.open(
                "writer-\(number)", on: cluster, file: "\(directory.path)/writer-\(number).sqlite", first: first
            ) { $0.publishes = [try Kind.appended.type: .append] }
            writers.append(writer.tertib)
        }
        try await body(writers, log)
        for writer in writers { await writer.close() }
        await log.close()
    }
}
