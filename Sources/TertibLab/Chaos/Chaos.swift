import Foundation
import Logging
import Synchronization
import Tertib
import TertibConfiguration
import TertibCore

/// Real processes, a real broker and a real database under seeded faults; in the end everything is judged from outside.
public struct Chaos: Sendable {
    private let options: ChaosOptions
    private let tell: @Sendable (ChaosProgress) -> Void

    /// Creates a run; nothing is started.
    /// - Parameter tell: gets the progress about once a second.
    public init(_ options: ChaosOptions, tell: @escaping @Sendable (ChaosProgress) -> Void = { _ in }) {
        self.options = options
        self.tell = tell
    }

    /// What a run has shown, and what happened when.
    public struct Outcome: Sendable {
        /// What it has shown.
        public var report: ChaosReport
        /// What happened when.
        public var timeline: ChaosTimeline
    }

    /// Runs it. Cancelled, it ends its processes, removes its files, and says what it has seen until then.
    /// - Throws: ``LabError`` when it cannot run.
    public func run() async throws -> Outcome {
        let workspace = try Workspace(purpose: "tertib-chaos")
        try workspace.makeFolder("database")
        let props = Props()
        do {
            try await prepare(props, in: workspace)
            var outcome = try await run(in: workspace, props)
            outcome.report.notRun = props.notRun
            try await clear(workspace, props)
            if options.keepsFiles { outcome.report.folder = workspace.folder }
            return outcome
        } catch {
            // The first error says more than that the files could not be removed after it.
            try? await clear(workspace, props)
            if options.keepsFiles, let error = error as? LabError {
                throw LabError(
                    error.what, why: error.why, advice: "Its databases and logs are in \(workspace.folder).")
            }
            throw error
        }
    }

    /// What is made for the run, most of which has to be removed after it.
    private final class Props: Sendable {
        private struct State {
            var disk: SmallDisk?
            var brokerDisk: SmallDisk?
            var server: ThrowawayPostgres?
            var postgres: ChaosPostgres?
            var run: ChaosRun?
            var notRun = [
                "handlers that trap or never return: the bus does not isolate them yet",
                "a purge of a subject: nats-server 2.9.10 moves every consumer to the end of the stream then",
            ]
        }
        private let state = Mutex(State())

        var disk: SmallDisk? {
            get { state.withLock(\.disk) }
            set { state.withLock { $0.disk = newValue } }
        }
        var brokerDisk: SmallDisk? {
            get { state.withLock(\.brokerDisk) }
            set { state.withLock { $0.brokerDisk = newValue } }
        }
        var server: ThrowawayPostgres? {
            get { state.withLock(\.server) }
            set { state.withLock { $0.server = newValue } }
        }
        var postgres: ChaosPostgres? {
            get { state.withLock(\.postgres) }
            set { state.withLock { $0.postgres = newValue } }
        }
        /// The run, once it is one.
        var run: ChaosRun? {
            get { state.withLock(\.run) }
            set { state.withLock { $0.run = newValue } }
        }
        var notRun: [String] { state.withLock(\.notRun) }

        func doWithout(_ what: String) { state.withLock { $0.notRun.append(what) } }
    }

    private func prepare(_ props: Props, in workspace: Workspace) async throws {
        do {
            props.brokerDisk = try SmallDisk(at: workspace.path("broker"), size: diskSize)
        } catch {
            props.doWithout("a full disk of the broker: \(error)")
        }
        switch options.store {
        case .sqlite:
            do {
                props.disk = try SmallDisk(at: workspace.databaseFolder, size: diskSize)
            } catch {
                props.doWithout("a full disk of the database: \(error)")
            }
        case .postgres:
            props.server = try await ThrowawayPostgres.make(in: workspace, environment: options.environment)
            props.doWithout("a full disk of the database server")
        case .server(let url):
            let postgres = try await ChaosPostgres(at: url)
            props.postgres = postgres
            props.doWithout("restarts of the database server, and links of one's own to it: it is somebody else's")
            if !postgres.hasLimits {
                props.doWithout("few connections to the database: its role is a superuser, for whom there is no limit")
            }
        }
    }

    private var diskSize: UInt64 { (192 << 20) + UInt64(options.events) * 1200 }

    private func clear(_ workspace: Workspace, _ props: Props) async throws {
        for (disk, name) in [(props.disk, "database"), (props.brokerDisk, "broker")] {
            // What is on a small disk goes with it.
            if options.keepsFiles, disk != nil {
                try FileManager.default.copyItem(atPath: workspace.path(name), toPath: workspace.path("kept-\(name)"))
            }
            try disk?.remove()
        }
        try await props.postgres?.close()
        if !options.keepsFiles { try workspace.remove() }
    }

    private func run(in workspace: Workspace, _ props: Props) async throws -> Outcome {
        do {
            return try await withThrowingTaskGroup(of: Outcome?.self) { group in
                let stage = try await setUp(workspace, props, &group)
                group.addTask { [tell] in
                    defer { stage.proxy.stop() }
                    // The replicas' logs tell what happens; the terminal belongs to the progress.
                    let silent = Logger(label: "tertib-chaos") { _ in SwiftLogNoOpLogHandler() }
                    let tertib = try await Tertib.open(configuration: workspace.supervisorFile, logger: silent)
                    let conducted = ChaosRun(stage: stage, tertib: tertib, tell: tell)
                    props.run = conducted
                    let outcome = try await conducted.conduct()
                    await tertib.close()
                    stage.broker.end()
                    props.server?.end()
                    return outcome
                }
                var outcome: Outcome?
                while let result = try await group.next() { outcome = result ?? outcome }
                guard let outcome else { throw CancellationError() }
                return outcome
            }
        } catch  where Task.isCancelled {
            // Whatever has failed meanwhile has failed because everything was ended.
            return props.run?.interrupted
                ?? Outcome(report: .interrupted(options), timeline: ChaosTimeline())
        }
    }

    /// Starts broker, database and the network between, and writes the JSON files.
    private func setUp(
        _ workspace: Workspace, _ props: Props, _ group: inout ThrowingTaskGroup<Outcome?, any Error>
    ) async throws -> ChaosStage {
        let (plan, tally) = (ChaosPlan(options), Tally())
        let broker = try Broker(program: options.broker, workspace: workspace)
        group.addTask {
            try await broker.run()
            return nil
        }
        if let server = props.server {
            group.addTask {
                try await server.run()
                return nil
            }
            props.postgres = try await ChaosPostgres(on: server)
        }
        let port = try await broker.port()
        let proxy = try NetworkProxy(to: port, links: ChaosOptions.mostReplicas)
        try workspace.writeLabConfigurations(brokerPort: port, links: proxy.links, postgres: props.postgres)
        let fleet = ChaosFleet(options: options, plan: plan, workspace: workspace, tally: tally)
        group.addTask {
            try await fleet.run()
            return nil
        }
        return ChaosStage(
            options: options, plan: plan, workspace: workspace, broker: broker, brokerPort: port,
            proxy: proxy, fleet: fleet, tally: tally, disk: props.disk,
            brokerDisk: props.brokerDisk, postgres: props.postgres)
    }
}

/// Everything that a run is played with.
struct ChaosStage: Sendable {
    let options: ChaosOptions
    let plan: ChaosPlan
    let workspace: Workspace
    let broker: Broker
    let brokerPort: Int
    let proxy: NetworkProxy
    let fleet: ChaosFleet
    let tally: Tally
    let disk: SmallDisk?
    let brokerDisk: SmallDisk?
    let postgres: ChaosPostgres?
}
