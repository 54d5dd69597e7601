import Foundation
import Logging
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

    /// Runs it. Cancelled, it ends its processes and removes its files.
    /// - Throws: ``LabError`` when it cannot run.
    public func run() async throws -> Outcome {
        let workspace = try Workspace(purpose: "tertib-chaos")
        try workspace.makeFolder("database")
        var notRun = [
            "handlers that trap or never return: the bus does not isolate them yet",
            "a full disk of the broker; forks; a trimmed or recreated stream; PostgreSQL",
        ]
        var disk: SmallDisk?
        do {
            disk = try SmallDisk(at: workspace.databaseFolder, size: diskSize)
        } catch {
            notRun.append("a full disk: \(error)")
        }
        do {
            var outcome = try await run(in: workspace, disk)
            outcome.report.notRun = notRun
            try clear(workspace, disk, keeping: options.keepsFiles)
            if options.keepsFiles { outcome.report.folder = workspace.folder }
            return outcome
        } catch {
            // The first error says more than that the files could not be removed after it.
            try? clear(workspace, disk, keeping: options.keepsFiles)
            if options.keepsFiles, let error = error as? LabError {
                throw LabError(
                    error.what, why: error.why, advice: "Its databases and logs are in \(workspace.folder).")
            }
            throw error
        }
    }

    private var diskSize: UInt64 { (192 << 20) + UInt64(options.events) * 1200 }

    private func clear(_ workspace: Workspace, _ disk: SmallDisk?, keeping: Bool) throws {
        if keeping, disk != nil {
            // What is on the small disk would go with it.
            let kept = workspace.path("kept")
            try FileManager.default.copyItem(atPath: workspace.databaseFolder, toPath: kept)
        }
        try disk?.remove()
        if !keeping { try workspace.remove() }
    }

    private func run(in workspace: Workspace, _ disk: SmallDisk?) async throws -> Outcome {
        let plan = ChaosPlan(options)
        let tally = Tally()
        let broker = try Broker(program: options.broker, workspace: workspace)
        return try await withThrowingTaskGroup(of: Outcome?.self) { group in
            group.addTask {
                try await broker.run()
                return nil
            }
            let port = try await broker.port()
            let proxy = try NetworkProxy(to: port, links: ChaosOptions.mostReplicas)
            defer { proxy.stop() }
            try workspace.writeLabConfigurations(brokerPort: port, links: proxy.links)
            let fleet = ChaosFleet(options: options, plan: plan, workspace: workspace, tally: tally)
            group.addTask {
                try await fleet.run()
                return nil
            }
            let stage = ChaosStage(
                options: options, plan: plan, workspace: workspace, broker: broker, brokerPort: port,
                proxy: proxy, fleet: fleet, tally: tally, disk: disk)
            group.addTask { [tell] in
                // The replicas' logs tell what happens; the terminal belongs to the progress.
                let silent = Logger(label: "tertib-chaos") { _ in SwiftLogNoOpLogHandler() }
                let tertib = try await Tertib.open(configuration: workspace.supervisorFile, logger: silent)
                let outcome = try await ChaosRun(stage: stage, tertib: tertib, tell: tell).conduct()
                await tertib.close()
                broker.end()
                return outcome
            }
            var outcome: Outcome?
            while let result = try await group.next() { outcome = result ?? outcome }
            guard let outcome else { throw CancellationError() }
            return outcome
        }
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
}
