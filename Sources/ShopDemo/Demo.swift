import Logging
import ShopService
import Tertib
import TertibLab

/// The whole shop, with its own broker and databases: several processes of each service, load and
/// faults, and beside it the two wrong ways with the same events and the same faults.
public struct Demo: Sendable {
    private let options: DemoOptions
    private let tell: @Sendable (DemoProgress) -> Void

    /// Creates a demo; nothing is started.
    /// - Parameter tell: gets the progress a few times a second.
    public init(_ options: DemoOptions, tell: @escaping @Sendable (DemoProgress) -> Void = { _ in }) {
        self.options = options
        self.tell = tell
    }

    /// Runs it, and says what has been seen. Cancelled, it ends its processes and removes its files.
    /// - Throws: ``DemoError`` when it cannot run.
    public func run() async throws -> DemoReport {
        try Programs.check(options)
        let workspace = try Workspace(purpose: "tertib-demo")
        do {
            var report = try await run(in: workspace)
            if options.keepsFiles { report.folder = workspace.folder } else { try workspace.remove() }
            return report
        } catch let error as DemoError where options.keepsFiles {
            throw DemoError(error.what, why: error.why, advice: "Its databases and logs are in \(workspace.folder).")
        } catch {
            // The first error says more than that the files could not be removed after it.
            if !options.keepsFiles { try? workspace.remove() }
            throw error
        }
    }

    private func run(in workspace: Workspace) async throws -> DemoReport {
        let databases = try await DemoDatabases(options, in: workspace)
        return try await withThrowingTaskGroup(of: DemoReport?.self) { group in
            group.addTask {
                try await databases.run()
                return nil
            }
            group.addTask {
                try await databases.create()
                let report = try await play(in: workspace, databases)
                databases.end()  // last, so that nobody waits for them in vain
                return report
            }
            return try await Self.report(of: &group)
        }
    }

    private func play(in workspace: Workspace, _ databases: DemoDatabases) async throws -> DemoReport {
        let plan = DemoPlan(options)
        let tally = Tally()
        let broker = try Broker(program: options.broker, workspace: workspace)
        return try await withThrowingTaskGroup(of: DemoReport?.self) { group in
            group.addTask {
                try await broker.run()
                return nil
            }
            try workspace.writeConfigurations(brokerURL: try await broker.url(), databases)
            let fleet = try Fleet(options: options, plan: plan, workspace: workspace, tally: tally)
            group.addTask {
                try await fleet.run()
                broker.end()  // last, so that nobody waits for it in vain
                return nil
            }
            let run = DemoRun(
                options: options, plan: plan, fleet: fleet, broker: broker, tally: tally, tell: tell)
            group.addTask {
                let handles = try await Self.open(workspace)
                let report = try await run.conduct(handles)
                for handle in handles.values { await handle.close() }
                return report
            }
            var report = try await Self.report(of: &group)
            run.note(fleet.endedBadly, in: &report)
            return report
        }
    }

    /// Waits for all tasks; one of them has the report.
    private static func report(of group: inout ThrowingTaskGroup<DemoReport?, any Error>) async throws -> DemoReport {
        var report: DemoReport?
        while let result = try await group.next() { report = result ?? report }
        guard let report else { throw CancellationError() }
        return report
    }

    /// The demo's own look into every database and at the broker.
    private static func open(_ workspace: Workspace) async throws -> [Role: EventBus] {
        // The services' own logs tell what happens; the terminal belongs to the progress.
        let silent = Logger(label: "tertib-demo") { _ in SwiftLogNoOpLogHandler() }
        var handles: [Role: EventBus] = [:]
        for role in Role.allCases {
            handles[role] = try await EventBus.open(configuration: workspace.path(role.file), logger: silent)
        }
        return handles
    }
}
