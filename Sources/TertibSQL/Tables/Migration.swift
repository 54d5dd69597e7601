package import TertibRuntime

/// The steps that bring a database's tables to this code. The list only ever grows, and a step that has been released is
/// never changed.
///
/// A store runs the missing steps in one transaction under a lock that a crash releases: of several replicas one does
/// the work, and the others wait and find it done.
package enum Migration {
    /// One step forward.
    enum Step {
        /// The first tables, without the columns that a later step adds.
        case create([TableDefinition])
        /// A column that may be NULL, or has a fallback.
        case addColumn(String, TableDefinition)
    }

    /// All steps; the first has the version 1.
    static let steps: [Step] = [.create(Tables.all)]

    /// The version of tables that this code works with.
    package static let current = steps.count

    /// Creates the table of steps, if there is none.
    package static func createTable(_ dialect: Dialect) -> String {
        dialect.create(Tables.migration, columns: Tables.migration.columns)[0]
            .replacing("CREATE TABLE", with: "CREATE TABLE IF NOT EXISTS")
    }

    /// The statements of the steps behind `version`, each step with its own version.
    package static func steps(
        after version: Int, _ dialect: Dialect
    ) -> [(version: Int, statements: [String])] {
        steps.enumerated().dropFirst(version).map { ($0.offset + 1, statements(of: $0.element, dialect)) }
    }

    private static func statements(of step: Step, _ dialect: Dialect) -> [String] {
        switch step {
        case .create(let tables):
            return tables.flatMap { table in
                dialect.create(table, columns: table.columns.filter { !isAdded($0, to: table) })
            }
        case .addColumn(let name, let table):
            return table.columns.filter { $0.name == name }.map { dialect.add($0, to: table) }
        }
    }

    private static func isAdded(_ column: Column, to table: TableDefinition) -> Bool {
        steps.contains { step in
            guard case .addColumn(let name, let changed) = step else { return false }
            return name == column.name && changed.name == table.name
        }
    }

    /// Refuses tables that a newer version of this code has made.
    package static func refuseNewer(_ version: Int) throws(StoreError) {
        guard version > current else { return }
        throw StoreError(
            .schema, attempted: "use the tables of this database",
            reason: "they have version \(version), and this program knows them up to version \(current)",
            advice: "Run a newer version of this program.")
    }

    /// The error to throw instead of "no such table" or "no such column"; `nil` when the tables have the right version.
    package static func explaining(_ version: Int) -> StoreError? {
        guard version != current else { return nil }
        return StoreError(
            .schema, attempted: "use the tables of this database",
            reason: version == 0
                ? "they have not been created" : "they have version \(version) instead of \(current)",
            advice: "Create or upgrade them: run migrate.")
    }
}
