import Foundation
import TertibRuntime

/// Runs every cell with real processes on a real broker and a database of the cell's own.
public struct Experiment: Sendable {
    private let options: ExperimentOptions
    private let tell: @Sendable (ExperimentProgress) -> Void

    /// Creates the experiment; nothing is started.
    /// - Parameter tell: gets the progress at every cell.
    public init(_ options: ExperimentOptions, tell: @escaping @Sendable (ExperimentProgress) -> Void = { _ in }) {
        self.options = options
        self.tell = tell
    }

    /// Runs it. Cancelled, it ends its processes and removes its files.
    /// - Throws: ``LabError`` when it cannot run.
    public func run() async throws -> ExperimentReport {
        let workspace = try Workspace(purpose: "tertib-experiment")
        do {
            let report = try await run(in: workspace)
            try workspace.remove()
            return report
        } catch {
            // The first error says more than that the files could not be removed after it.
            try? workspace.remove()
            throw error
        }
    }

    private func run(in workspace: Workspace) async throws -> ExperimentReport {
        let began = ContinuousClock.now
        let broker = try Broker(program: options.broker, workspace: workspace)
        return try await withThrowingTaskGroup(of: ExperimentReport?.self) { group in
            group.addTask {
                try await broker.run()
                return nil
            }
            let port = try await broker.port()
            group.addTask {
                // One link for each replica, and one for the owner.
                let proxy = try NetworkProxy(to: port, links: (options.replicas.max() ?? 1) + 1)
                defer { proxy.stop() }
                var report = ExperimentReport(seed: options.seed, events: options.events)
                let cells = grid
                for (index, cell) in cells.enumerated() {
                    let name = "\(cell.mode.name), \(cell.profile.name), \(cell.replicas) replicas"
                    tell(ExperimentProgress(done: index, total: cells.count, cell: name))
                    let run = CellRun(
                        cell: cell, number: index + 1, seed: options.seed, program: options.program,
                        workspace: workspace, brokerPort: port, proxy: proxy)
                    report.cells.append(try await run.run())
                }
                report.seconds = ((ContinuousClock.now - began) / .milliseconds(100)).rounded() / 10
                broker.end()
                return report
            }
            var report: ExperimentReport?
            while let result = try await group.next() { report = result ?? report }
            guard let report else { throw CancellationError() }
            return report
        }
    }

    private var grid: [ExperimentCell] {
        options.profiles.flatMap { profile in
            options.replicas.flatMap { replicas in
                ExperimentMode.allCases.map { mode in
                    ExperimentCell(mode: mode, profile: profile, replicas: replicas, events: options.events, rows: 0)
                }
            }
        }
    }
}
