import TertibRuntime
import TertibCore
import TertibJetStream
import TestServers

/// Services on a cluster: one that publishes, and two replicas of one that keeps copies in one SQLite file.
struct ClusterWorld: Sendable {
    let cluster: NatsCluster
    let load: ClusterLoad
    private let writer: ClusterService
    private let readers: [ClusterService]
    private let consumers: [Consumer]
    private let files: TemporaryDirectory

    private enum Part {
        case load, faults, service
    }

    init(on cluster: NatsCluster) async throws {
        self.cluster = cluster
        let directory = try TemporaryDirectory()
        files = directory
        writer = try await ClusterService.open("writer", on: cluster, file: "\(directory.path)/writer.sqlite") {
            $0.publishes = [try Kind.staged.type: .outbox, try Kind.appended.type: .append]
        }
        var readers: [ClusterService] = []
        for _ in 0..<2 {
            let reader = try await ClusterService.open(
                "reader", on: cluster, file: "\(directory.path)/reader.sqlite"
            ) {
                let name = try ConsumerName(ClusterService.consumer)
                $0.consumers[name] = ConsumerSettings(name: name, acknowledgementWait: .seconds(5))
            }
            readers.append(reader)
        }
        self.readers = readers
        try await CopyTables.create(in: readers[0].store)
        consumers = try readers.map { try $0.tertib.consumer(ClusterService.consumer, CopyTables.register) }
        // A server before 2.9.21 does not enforce expected versions here, so append refuses to run.
        let kinds: [Kind] = try await writer.log.state().enforcesExpectations ? Kind.allCases : [.staged]
        load = ClusterLoad(kinds, writer: writer.tertib, reader: readers[0].tertib)
    }

    /// Runs all services and the load while `faults` happen, lets everything come to rest, and judges the outcome.
    func withstand(_ faults: @escaping @Sendable (ClusterWorld) async throws -> Void) async throws -> ClusterVerdict {
        let verdict = try await withThrowingTaskGroup(of: Part.self) { group in
            group.addTask { try await self.untilCancelled("the relay") { try await writer.tertib.run() } }
            for consumer in consumers {
                group.addTask { try await self.untilCancelled("a consumer") { try await consumer.run() } }
            }
            group.addTask {
                try await load.run()
                return .load
            }
            group.addTask {
                defer { load.end() }
                try await progress("before any fault")
                try await faults(self)
                return .faults
            }
            var running: Set<Part> = [.load, .faults]
            while !running.isEmpty, let ended = try await group.next() { running.remove(ended) }
            let verdict = try await ClusterVerdict(of: load.published, readers[0], cluster: cluster)
            group.cancelAll()
            while try await group.next() != nil {}
            return verdict
        }
        for reader in readers { await reader.tertib.close() }
        return verdict
    }

    /// A service that ends before it is told to has given up, which none may.
    private func untilCancelled(_ name: String, _ body: () async throws -> Void) async throws -> Part {
        try await body()
        guard Task.isCancelled else { throw TestServerError("\(name) has ended by itself") }
        return .service
    }

    /// Waits until events go on being published, by either way, and applied.
    func progress(_ circumstance: String) async throws {
        let before = marks()
        try await waitUntil("events of both ways and their copies, \(circumstance)", within: .seconds(90)) {
            zip(before, marks()).allSatisfy { $1 >= $0 + 20 }
        }
    }

    private func marks() -> [Int] {
        let published = load.published
        return load.kinds.map { kind in published.count { $0.aggregate.type.text == kind.rawValue } }
            + [consumers.reduce(0) { $0 + $1.counts.applied }]
    }
}
