import Tertib

/// The rows of a table, by their keys.
typealias RowsByKey = [String: [SQLValue]]

/// How a copy differs from what its owner has.
struct TableComparison: Hashable, Sendable {
    /// How many rows were compared: those that either side has.
    let rows: Int
    /// The keys of rows that only one side has, or that hold something else.
    let different: [String]

    /// Compares two tables.
    init(owner: RowsByKey, copy: RowsByKey) {
        let keys = Set(owner.keys).union(copy.keys)
        rows = keys.count
        different = keys.filter { owner[$0] != copy[$0] }.sorted()
    }
}

extension StoreReader {
    /// The result of a query as a table: the first column is the key.
    func table(_ columns: [String], from source: String) throws -> RowsByKey {
        let rows = try query("SELECT \(columns.joined(separator: ", ")) FROM \(source)", arguments: [])
        var table: RowsByKey = [:]
        for row in rows {
            guard let key = columns.first.flatMap({ row[$0].text }) else { continue }
            table[key] = columns.dropFirst().map { row[$0] }
        }
        return table
    }

    /// The one number that a query has as its column `number`; 0 without a row.
    func number(_ sql: String) throws -> Int {
        Int(try query(sql, arguments: []).first?["number"].integer ?? 0)
    }
}
