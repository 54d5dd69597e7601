import GRDB
import TertibRuntime
import TertibSQL
import TertibSQLite
import Testing

@testable import TertibSQLite

@Suite("Every query on the path of an event")
struct PlanTests {
    /// A statement, and the indexes that it must be driven by.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let sql: String
        let indexes: [String]

        init(_ name: String, _ sql: String, _ indexes: String...) {
            (testDescription, self.sql, self.indexes) = (name, sql, indexes)
        }
    }

    private static let cases = [
        Case("watermarks", Statements.selectWatermark, "tertib_watermark USING PRIMARY KEY"),
        Case("claim of a row", SQLiteTransaction.claimExisting, "tertib_watermark USING PRIMARY KEY"),
        Case("claim of a new row", SQLiteTransaction.claimNew, "tertib_parked USING INDEX"),
        Case("write", SQLiteTransaction.writeWatermark, "tertib_watermark USING PRIMARY KEY"),
        Case("parked", Statements.selectParked, "tertib_parked USING INDEX sqlite_autoindex_tertib_parked_1"),
        Case("parked count", Statements.countParked, "USING COVERING INDEX"),
        Case("delete parked", SQLiteTransaction.deleteParkedRows, "tertib_parked_1"),
        Case("summarize", Statements.summarizeParked, "tertib_watermark USING PRIMARY KEY", "tertib_parked_1"),
        Case("extend summary", SQLiteTransaction.extendSummary, "tertib_watermark USING PRIMARY KEY"),
        Case("leftovers", Statements.selectLeftovers, "INDEX tertib_watermark_drain", "tertib_parked_1"),
        Case("gaps", Statements.selectGaps, "INDEX tertib_watermark_gap", "tertib_parked_1"),
        Case("due retries", Statements.selectDueRetries, "INDEX tertib_parked_retry"),
        Case("open dead letters", SQLiteTransaction.selectOpenDeadLetters, "INDEX tertib_dead_letter_open"),
        Case("head", Statements.selectHead, "tertib_head USING PRIMARY KEY"),
        Case("move head", SQLiteTransaction.moveHead, "tertib_head USING PRIMARY KEY"),
        Case("set head", Statements.updateHead, "tertib_head USING PRIMARY KEY"),
        Case("stage", Statements.insertOutboxRow, "INDEX tertib_outbox_unpublished"),
        Case(
            "claim of staged rows", SQLiteTransaction.selectClaimable, "INDEX tertib_outbox_ready",
            "INDEX tertib_outbox_unpublished", "head USING PRIMARY KEY"),
        Case("postpone", SQLiteTransaction.postpone, "INTEGER PRIMARY KEY"),
        Case("mark published", SQLiteTransaction.publishRow, "INTEGER PRIMARY KEY"),
        Case("wake the next", SQLiteTransaction.wakeNext, "INTEGER PRIMARY KEY", "INDEX tertib_outbox_unpublished"),
        Case("return head", Statements.returnHead, "tertib_head USING PRIMARY KEY", "COVERING INDEX"),
        Case("reopen rows", Statements.reopenRows, "tertib_outbox_1"),
        Case("delete published", Statements.deletePublishedRows, "INDEX tertib_outbox_published"),
    ]

    @Test("Every query on the path of an event is driven by an index, and sorts nothing", arguments: cases)
    func indexed(query: Case) async throws {
        let plan = try await plan(of: query.sql)
        for index in query.indexes { #expect(plan.contains { $0.contains(index) }, "\(plan)") }
        #expect(!plan.contains { $0.hasPrefix("SCAN tertib") || $0.hasPrefix("SCAN outbox") }, "\(plan)")
        #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
    }

    private func plan(of sql: String) async throws -> [String] {
        let database = try TemporaryDatabase()
        await (try database.migrated()).close()
        let connection = try Connection.openWriter(path: database.path, options: SQLiteOptions())
        let plan = try await connection.run { access in
            let statement = try access.database.makeStatement(
                sql: "EXPLAIN QUERY PLAN " + Dialect.sqlite.statement(sql))
            statement.setUncheckedArguments([])
            return try Row.fetchAll(statement).map { $0["detail"] as String }
        }
        await connection.close()
        return plan
    }
}
