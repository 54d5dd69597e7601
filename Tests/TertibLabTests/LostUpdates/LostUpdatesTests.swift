import Foundation
import TertibRuntime
import TertibSQLite
import TestServers
import Testing

@testable import TertibLab

@Suite("The laboratory of lost updates", .timeLimit(.minutes(2)))
struct LostUpdatesTests {
    private static let options = LostUpdatesOptions(workers: 6, orders: 7, stock: 10)

    @Test("counts on PostgreSQL what psql counts, under each policy, whatever isolation the server has by default")
    func postgres() async throws {
        let server = try await PostgresCluster.start()
        let database = try server.createDatabase(settings: ["default_transaction_isolation": "serializable"])
        try await withRun(on: try LabStore(server.url(of: database))) { run, tables in
            try await check(run, tables, isRowLocking: true) { sql in
                Int(try server.psql(sql, database: database)) ?? -1
            }
        }
        let left = try server.psql("SELECT COUNT(*) FROM pg_tables WHERE tablename ~ 'tertib'", database: database)
        #expect(left == "0")
    }

    @Test("counts on SQLite what another connection counts, under each policy")
    func sqlite() async throws {
        let folder = try TemporaryDirectory()
        let file = "\(folder.path)/lab.sqlite"
        let outside = try await SQLiteStore(path: file)
        try await withRun(on: try LabStore("sqlite:\(file)")) { run, tables in
            try await check(run, tables, isRowLocking: false) { sql in
                let rows = try await outside.read { try $0.query("SELECT (\(sql)) AS n", arguments: []) }
                return Int(rows.first?["n"].integer ?? -1)
            }
        }
        await outside.close()
    }

    @Test("removes a file that it has made, and leaves one alone that was there, without its tables")
    func leavesNothing() async throws {
        let folder = try TemporaryDirectory()
        let existing = "\(folder.path)/mine.sqlite"
        let mine = try await SQLiteStore(path: existing)
        _ = try await mine.transaction { try $0.execute("CREATE TABLE mine (id TEXT)", arguments: []) }
        let options = LostUpdatesOptions(
            stores: [try LabStore("sqlite:\(existing)"), try LabStore("sqlite:\(folder.path)/new.sqlite")], workers: 2,
            orders: 1, stock: 1)
        let report = try await LostUpdates(options).run()
        #expect(report.isRight)
        #expect(report.cells.count == 2 * 2 * 12)
        let tables = try await mine.read { reader in
            try reader.query("SELECT name FROM sqlite_schema WHERE type = 'table'", arguments: [])
                .map { $0["name"].text }
        }
        #expect(tables == ["mine"])
        await mine.close()
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(files.filter { $0.hasPrefix("new") } == [])
    }

    @Test("keeps its tables, if asked to, and says where")
    func keeps() async throws {
        let folder = try TemporaryDirectory()
        let file = "\(folder.path)/lab.sqlite"
        let options = LostUpdatesOptions(
            stores: [try LabStore("sqlite:\(file)")], workers: 2, orders: 1, stock: 1, keepsTables: true)
        let report = try await LostUpdates(options).run()
        let kept = try #require(report.kept.first)
        #expect(kept.hasSuffix(" in \(file)"))
        let store = try await SQLiteStore(path: file)
        let tables = try await store.read { reader in
            try reader.query("SELECT COUNT(*) AS n FROM sqlite_schema WHERE name LIKE 'tertib_lab_%'", arguments: [])
        }
        // SQLite's own indexes of the two keys have other names.
        #expect(tables.first?["n"] == .integer(3))
        await store.close()
    }

    /// Runs every cell, and counts again what it says, with other words.
    private func check(
        _ run: LostUpdatesRun, _ tables: LostUpdatesTables, isRowLocking: Bool,
        count: (String) async throws -> Int
    ) async throws {
        let options = Self.options
        for control in UpdateControl.all {
            let name = Comment("\(control.policy.name), \(control.reaction)")
            let stateless = try await run.cell(.stateless, control)
            let stock = try await count("SELECT stock FROM \(tables.stock)")
            let taken = try await count("SELECT COUNT(*) FROM \(tables.ledger)")
            #expect(stateless.facts.lost == taken - (options.stock - stock), name)
            #expect(stateless.facts.isNegative == (taken > options.stock), name)
            #expect(stateless.facts.committed == taken, name)
            #expect(stateless.committed == taken, name)
            try await check(stateless, count("SELECT COUNT(DISTINCT worker) FROM \(tables.ledger)"), isRowLocking)

            let stateful = try await run.cell(.stateful, control)
            let changed = try await count("SELECT COUNT(*) FROM \(tables.orders) WHERE order_status <> 'NEW'")
            let written = try await count("SELECT COUNT(*) FROM \(tables.ledger)")
            #expect(stateful.facts.lost == written - changed, name)
            #expect(stateful.attempts == 2 * options.orders, name)
            try await check(
                stateful, count("SELECT COUNT(DISTINCT row_id) FROM \(tables.ledger)"), isRowLocking)
            #expect(changed == options.orders, name)
        }
    }

    private func check(_ cell: LostUpdatesCell, _ distinct: Int, _ isRowLocking: Bool) async throws {
        let (control, name) = (cell.control, Comment("\(cell)"))
        #expect(distinct > 0, name)
        guard control.isPromise else {
            // All have read the same: one effect a round is left, and one of two changes of an order.
            #expect(cell.facts.lost >= cell.attempts / 2, name)
            #expect(cell.facts.isNegative == (cell.anomaly == .stateless), name)
            #expect(!cell.isRight, name)
            return
        }
        #expect(cell.isRight, name)
        #expect(cell.facts.lost == 0, name)
        let thrown = control.reaction == .throw ? cell.conflicts : 0
        #expect(cell.attempts == cell.committed + cell.refused + thrown, name)
        #expect(cell.retries == (control.reaction == .retry ? cell.conflicts : 0), name)
        let waits = !isRowLocking || control.policy == .forUpdate
        #expect((cell.conflicts == 0) == waits, name)
    }

    private func withRun(
        on store: LabStore, _ body: (LostUpdatesRun, LostUpdatesTables) async throws -> Void
    ) async throws {
        let tables = LostUpdatesTables(tag: "test")
        let run = try await LostUpdatesRun(store, options: Self.options, tables: tables)
        try await body(run, tables)
        try await run.close()
    }
}
