import Foundation
import TertibRuntime
import TertibConfiguration

/// The laboratory of lost updates: transactions that overlap by design, on real databases, under no control and under
/// each policy of `EventBus.update`, judged by what the tables hold afterwards.
public struct LostUpdates: Sendable {
    private let options: LostUpdatesOptions
    private let tell: @Sendable (LostUpdatesProgress) -> Void

    /// Creates a laboratory; nothing is opened.
    /// - Parameter tell: gets the progress before each cell.
    public init(_ options: LostUpdatesOptions, tell: @escaping @Sendable (LostUpdatesProgress) -> Void = { _ in }) {
        self.options = options
        self.tell = tell
    }

    /// Runs it. Cancelled, it ends what runs, and drops its tables.
    /// - Throws: ``LabError`` when a database cannot be used.
    public func run() async throws -> LostUpdatesReport {
        let start = ContinuousClock.now
        var report = LostUpdatesReport(options: options)
        if options.stores.isEmpty {
            try await runOnOwnDatabases(&report)
        } else {
            try await run(on: options.stores, &report)
        }
        report.seconds = ((ContinuousClock.now - start) / .seconds(1) * 100).rounded() / 100
        return report
    }

    private func runOnOwnDatabases(_ report: inout LostUpdatesReport) async throws {
        let workspace = try Workspace(purpose: "tertib-lost-updates")
        do {
            try await run(on: [try LabStore("sqlite:\(workspace.path("lab.sqlite"))", name: "sqlite")], &report)
            do {
                let server = try await ThrowawayPostgres.make(
                    in: workspace, environment: options.environment)
                try await run(on: server, &report)
            } catch let error as LabError where error.isUnusable {
                report.notRun.append("PostgreSQL. \(error.why) \(error.advice)")
            }
        } catch {
            // The first error says more than that the files could not be removed after it.
            try? workspace.remove()
            throw error
        }
        if !options.keepsTables { try workspace.remove() }
    }

    private func run(on server: ThrowawayPostgres, _ report: inout LostUpdatesReport) async throws {
        let begun = report
        report = try await withThrowingTaskGroup(of: LostUpdatesReport?.self) { group in
            group.addTask {
                try await server.run()
                return nil
            }
            group.addTask {
                try await server.waitUntilReady()
                try await server.createDatabase("lab")
                let store = try LabStore(
                    server.url(of: "lab"), passwordFile: server.passwordFile, name: "postgresql")
                var report = begun
                try await run(on: [store], &report)
                server.end()
                return report
            }
            var report = begun
            while let next = try await group.next() { report = next ?? report }
            return report
        }
    }

    private func run(on stores: [LabStore], _ report: inout LostUpdatesReport) async throws {
        let total = (options.stores.isEmpty ? 2 : stores.count) * Anomaly.allCases.count * UpdateControl.all.count
        for store in stores {
            let isNew = store.file.map { !FileManager.default.fileExists(atPath: $0) } ?? false
            let tables = LostUpdatesTables(tag: String(UInt32.random(in: .min ... .max), radix: 16))
            let run = try await Self.opening(store) {
                try await LostUpdatesRun(store, options: options, tables: tables)
            }
            do {
                for anomaly in Anomaly.allCases {
                    for control in UpdateControl.all {
                        tell(
                            LostUpdatesProgress(
                                done: report.cells.count, total: total,
                                cell: "\(store.kind.rawValue), \(anomaly), \(control.policy.name)"))
                        report.cells.append(try await run.cell(anomaly, control))
                    }
                }
            } catch {
                // What went wrong first says more than what the end came to.
                try? await run.close()
                throw error
            }
            try await run.close()
            if options.keepsTables {
                report.kept.append("\(tables.names.joined(separator: ", ")) in \(store.file ?? store.name)")
            } else if isNew, let file = store.file {
                for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: file + suffix) {
                    try FileManager.default.removeItem(atPath: file + suffix)
                }
            }
        }
    }

    /// What keeps a database from being used, in three lines.
    private static func opening<Result>(_ store: LabStore, _ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as StoreError {
            throw LabError(
                "The store \(store.name) cannot be used.", why: "Could not \(error.attempted): \(error.reason).",
                advice: error.advice ?? "See that it can be written, and tables can be made in it.", isUnusable: true)
        } catch let error as ConfigurationError {
            throw LabError(
                "The store \(store.name) cannot be used.", why: error.why, advice: error.whatToDo,
                isUnusable: true)
        }
    }
}
