import Foundation
import Testing

@testable import TertibSQL

@Suite("The tables")
struct TablesTests {
    /// A file of the release that made the step, and how it is rendered today.
    @Test(
        "The tables are created as they were when the step was released",
        arguments: [(Dialect.sqlite, "sqlite"), (.postgres, "postgres")])
    func released(dialect: Dialect, name: String) throws {
        for step in Migration.steps(after: 0, dialect) {
            let file = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "Released/\(step.version).\(name).sql")
            let released = try String(contentsOf: file, encoding: .utf8).split(separator: ";")
                .map(Self.normalized).filter { !$0.isEmpty }
            #expect(step.statements.map(Self.normalized) == released)
        }
    }

    @Test("The tables are created by no step that a database has taken", arguments: [Dialect.sqlite, .postgres])
    func taken(dialect: Dialect) {
        #expect(Migration.steps(after: Migration.current, dialect).isEmpty)
        #expect(Migration.steps(after: 0, dialect).map(\.version) == Array(1...Migration.current))
    }

    @Test("The tables take a later column by one statement, in the words of each database")
    func addColumn() {
        let column = Column(name: "priority", kind: .integer, isNullable: false, fallback: "0")
        for dialect in [Dialect.sqlite, .postgres] {
            let type = dialect == .sqlite ? "INTEGER" : "bigint"
            #expect(
                dialect.add(column, to: Tables.parked.definition)
                    == "ALTER TABLE tertib_parked ADD COLUMN priority \(type) NOT NULL DEFAULT 0")
        }
    }

    /// The two texts may break their lines where they like.
    private static func normalized(_ text: some StringProtocol) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ").replacing("( ", with: "(")
    }
}

@Suite("A shared statement")
struct SharedStatementTests {
    @Test("A shared statement numbers its placeholders as the database does, and names conditions as it has them")
    func translated() {
        let shared = "SELECT 1 FROM tertib_watermark AS m {by drain} WHERE m.consumer = ?1 AND {m.can_drain} LIMIT ?12"
        #expect(
            Dialect.sqlite.statement(shared)
                == """
                SELECT 1 FROM tertib_watermark AS m INDEXED BY tertib_watermark_drain WHERE m.consumer = ?1 \
                AND m.lowest_parked <= m.version + 1 AND m.status IN ('ok', 'gap') LIMIT ?12
                """)
        #expect(
            Dialect.postgres.statement(shared)
                == "SELECT 1 FROM tertib_watermark AS m  WHERE m.consumer = $1 AND m.can_drain LIMIT $12")
    }
}
