package import TertibCore

/// Runs the store's own statements on one connection: shared ones (``Dialect/statement(_:)``) and the database's own.
package protocol StatementRunning {
    associatedtype Row: RowReader

    /// Runs a statement.
    /// - Returns: the number of rows that it changed.
    @discardableResult
    func execute(_ sql: String, _ cells: [Cell]) throws -> Int

    /// Runs a statement, and gives each row of its result to `body` until that returns `false`.
    func forEachRow(_ sql: String, _ cells: [Cell], _ body: (Row) throws -> Bool) throws
}

extension StatementRunning {
    /// The rows of a statement's result.
    package func rows<Element>(
        _ sql: String, _ cells: [Cell], _ read: (Row) throws -> Element
    ) throws -> [Element] {
        var elements: [Element] = []
        try forEachRow(sql, cells) { row in
            elements.append(try read(row))
            return true
        }
        return elements
    }

    /// The first row of a statement's result.
    package func first<Element>(
        _ sql: String, _ cells: [Cell], _ read: (Row) throws -> Element
    ) throws -> Element? {
        var element: Element?
        try forEachRow(sql, cells) { row in
            element = try read(row)
            return false
        }
        return element
    }

    /// The number that a statement answers.
    package func count(_ sql: String, _ cells: [Cell]) throws -> Int {
        try first(sql, cells) { try $0.value(0) } ?? 0
    }
}

/// A transaction or a snapshot that reaches the tables.
package protocol TableAccess: AnyObject {
    associatedtype Runner: StatementRunning

    var runner: Runner { get }

    /// Runs statements of the store's own; a failure becomes a ``StoreError``, and is remembered where it ends the
    /// transaction.
    @discardableResult
    func perform<Result>(_ attempted: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result
}

extension TableAccess {
    /// The head of an aggregate.
    package func head(of aggregate: Aggregate) throws -> AggregateHead? {
        try perform("read the head of \(aggregate)") {
            try runner.first(Statements.selectHead, cells(aggregate)) { try Tables.head.read($0) }
        }
    }
}
