import TertibCore
import Foundation
import ShopService
import TertibRuntime
import TertibTesting

/// `kill -9` at each crash point: a process dies there, another one goes on, and then the database and the stream are
/// compared.
public struct CrashRounds: Sendable {
    /// What is asked for.
    public struct Options: Hashable, Sendable {
        /// How many rounds; each point on each store has its first before any has its second.
        public var rounds: Int
        /// What is drawn.
        public var seed: UInt64
        /// On which databases.
        public var stores: [ChaosOptions.Store]
        /// So many rounds run at once.
        public var atOnce: Int
        /// The complete path of nats-server.
        public var broker: String
        /// The complete path of the program that has the verb ``LabWorker/verb``.
        public var program: String
        /// Where `PATH` is, for PostgreSQL's programs.
        public var environment: [String: String]

        /// Creates options.
        public init(
            rounds: Int, seed: UInt64, stores: [ChaosOptions.Store] = [.sqlite, .postgres], atOnce: Int = 4,
            broker: String, program: String, environment: [String: String]
        ) {
            self.rounds = rounds
            self.seed = seed
            self.stores = stores
            self.atOnce = max(1, atOnce)
            self.broker = broker
            self.program = program
            self.environment = environment
        }
    }

    /// Where one round's process dies, and on which store.
    struct Death: Hashable, Sendable {
        let number: Int
        let store: ChaosOptions.Store
        let site: CrashSite
        let count: Int
    }

    private let options: Options
    private let tell: @Sendable (_ done: Int, _ of: Int) -> Void

    /// Creates rounds; nothing is started.
    /// - Parameter tell: gets how many rounds are done.
    public init(_ options: Options, tell: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }) {
        self.options = options
        self.tell = tell
    }

    /// The deaths, in order.
    static func deaths(_ options: Options) -> [Death] {
        var random = SeededGenerator(seed: options.seed, topic: "crashes")
        var deaths: [Death] = []
        var isFirst = true
        while deaths.count < options.rounds, !options.stores.isEmpty {
            for site in CrashSite.named.map(\.value) {
                for store in options.stores {
                    let count = isFirst ? 1 : Int.random(in: 2...6, using: &random)
                    deaths.append(Death(number: deaths.count + 1, store: store, site: site, count: count))
                }
            }
            isFirst = false
        }
        return Array(deaths.prefix(options.rounds))
    }

    /// Runs all rounds. Cancelled, it ends its processes and removes its files.
    /// - Throws: ``LabError`` when it cannot run.
    public func run() async throws -> CrashReport {
        let workspace = try Workspace(purpose: "tertib-crashes")
        do {
            let start = ContinuousClock.now
            var report = CrashReport(seed: options.seed, rounds: try await rounds(in: workspace))
            report.seconds = ((ContinuousClock.now - start) / .milliseconds(10)).rounded() / 100
            try workspace.remove()
            return report
        } catch {
            // The first error says more than that the files could not be removed after it.
            try? workspace.remove()
            throw error
        }
    }

    private func rounds(in workspace: Workspace) async throws -> [CrashReport.Round] {
        let broker = try Broker(program: options.broker, workspace: workspace)
        var server: ThrowawayPostgres?
        if options.stores.contains(.postgres) {
            server = try await ThrowawayPostgres.make(in: workspace, environment: options.environment)
        }
        return try await withThrowingTaskGroup(of: [CrashReport.Round].self) { [server] group in
            group.addTask {
                try await broker.run()
                return []
            }
            if let server {
                group.addTask {
                    try await server.run()
                    return []
                }
            }
            group.addTask {
                try await server?.waitUntilReady()
                let rounds = try await play(try await broker.port(), server, in: workspace)
                broker.end()
                server?.end()
                return rounds
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private func play(
        _ port: Int, _ server: ThrowawayPostgres?, in workspace: Workspace
    ) async throws -> [CrashReport.Round] {
        let deaths = Self.deaths(options)
        var rounds = deaths.map { _ in CrashReport.Round?.none }
        var next = 0
        try await withThrowingTaskGroup(of: (Int, CrashReport.Round).self) { group in
            func addNext() {
                guard next < deaths.count else { return }
                let index = next
                let round = CrashRound(
                    death: deaths[index], seed: options.seed, program: options.program, workspace: workspace,
                    brokerPort: port, server: server)
                next += 1
                group.addTask { (index, try await round.run()) }
            }
            for _ in 0..<options.atOnce { addNext() }
            var done = 0
            while let (index, round) = try await group.next() {
                rounds[index] = round
                done += 1
                tell(done, deaths.count)
                addNext()
            }
        }
        return rounds.compactMap(\.self)
    }
}
