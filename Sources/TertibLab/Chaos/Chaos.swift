import Foundation
import Logging
import Synchronization
import TertibRuntime
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
        let props = ChaosProps()
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

    private func prepare(_ props: ChaosProps, in workspace: Workspace) async throws {
        do {
            props.brokerDisk = try SmallDisk(at: workspace.path("broker"), size: diskSize)
        } catch {
            props.doWithout("a full disk of the broker: \(error)")
        }
        let version = try await Broker.version(of: options.broker) ?? "unknown"
        props.purges = Broker.purgesSafely(version)
        if !props.purges {
            props.doWithout(
                "a purge of a subject: nats-server \(version) is older than 2.15, and 2.9.10 moves every consumer to the "
                    + "end of the stream then")
        }
        switch options.store {
        case .sqlite:
            mountDatabaseDisk(props, at: workspace.databaseFolder, size: diskSize)
        case .postgres:
            try workspace.makeFolder(databaseFolderName)
            mountDatabaseDisk(props, at: workspace.path(databaseFolderName), size: serverDiskSize)
            // A journal of the usual size would be most of what is on the disk.
            props.server = try await ThrowawayPostgres.make(
                in: workspace, environment: options.environment,
                settings: ["max_wal_size": "256MB", "min_wal_size": "64MB"])
        case .server(let url):
            let postgres = try await ChaosPostgres(at: url)
            props.postgres = postgres
            props.doWithout("restarts of the database server, and links of one's own to it: it is somebody else's")
            if !postgres.hasLimits {
                props.doWithout("few connections to the database: its role is a superuser, for whom there is no limit")
            }
        }
    }

    private func mountDatabaseDisk(_ props: ChaosProps, at path: String, size: UInt64) {
        do {
            props.disk = try SmallDisk(at: path, size: size)
        } catch {
            props.doWithout("a full disk of the database: \(error)")
        }
    }

    /// Where the database is, by the name of its folder.
    private var databaseFolderName: String { options.store == .postgres ? "postgres" : "database" }

    /// With the server's own files, what it has not cleaned up yet, and its journal.
    private var serverDiskSize: UInt64 { (1 << 30) + UInt64(options.events) * 6000 }

    private var diskSize: UInt64 { (192 << 20) + UInt64(options.events) * 1200 }

    private func clear(_ workspace: Workspace, _ props: ChaosProps) async throws {
        for (disk, name) in [(props.disk, databaseFolderName), (props.brokerDisk, "broker")] {
            // What is on a small disk goes with it.
            if options.keepsFiles, disk != nil {
                try FileManager.default.copyItem(atPath: workspace.path(name), toPath: workspace.path("kept-\(name)"))
            }
            try disk?.remove()
        }
        try await props.postgres?.close()
        if !options.keepsFiles { try workspace.remove() }
    }

    private func run(in workspace: Workspace, _ props: ChaosProps) async throws -> Outcome {
        do {
            return try await withThrowingTaskGroup(of: Outcome?.self) { group in
                let stage = try await setUp(workspace, props, &group)
                group.addTask { [tell] in
                    defer { stage.proxy.stop() }
                    // The replicas' logs tell what happens; the terminal belongs to the progress.
                    let silent = Logger(label: "tertib-chaos") { _ in SwiftLogNoOpLogHandler() }
                    let tertib = try await EventBus.open(configuration: workspace.supervisorFile, logger: silent)
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
        _ workspace: Workspace, _ props: ChaosProps, _ group: inout ThrowingTaskGroup<Outcome?, any Error>
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
            brokerDisk: props.brokerDisk, postgres: props.postgres, purges: props.purges)
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
    let purges: Bool
}
