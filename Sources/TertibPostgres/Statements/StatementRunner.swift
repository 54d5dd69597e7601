import TertibRuntime

/// Runs statements on one connection: the store's own with typed, binary values, and a user's under
/// ``UserStatement``.
struct StatementRunner {
    let connection: ServerConnection
    let statements: StatementCache
    let options: PostgresOptions
    /// What waits to be sent; it goes with the next statement.
    let queue = StatementQueue()

    /// How long to wait for the server to answer: longer than its own limit, which is to end the statement first.
    var limit: Duration { options.statementTimeout * 3 / 2 + .seconds(1) }

    /// Runs one of the store's statements.
    /// - Returns: how many rows it changed.
    @discardableResult
    func execute(_ sql: String, _ parameters: [Parameter] = []) throws -> Int {
        try result(sql, parameters).changedRows
    }

    /// The rows of one of the store's statements.
    func rows<Element>(
        _ sql: String, _ parameters: [Parameter] = [], _ decode: (ResultRow) throws -> Element
    ) throws -> [Element] {
        let result = try result(sql, parameters)
        return try (0..<result.rowCount).map { try decode(ResultRow(result, $0)) }
    }

    /// The first row of one of the store's statements.
    func first<Element>(
        _ sql: String, _ parameters: [Parameter] = [], _ decode: (ResultRow) throws -> Element
    ) throws -> Element? {
        let result = try result(sql, parameters)
        return result.rowCount > 0 ? try decode(ResultRow(result, 0)) : nil
    }

    /// Runs a statement without parameters or a result, unprepared.
    func run(_ sql: String) throws {
        try flush()
        try connection.run(sql, within: limit)
    }

    /// Adds one of the store's statements to the queue.
    func enqueue(_ sql: String, _ parameters: [Parameter], for purpose: StatementQueue.Purpose) throws {
        let name = try forgettingWhatEnded {
            try statements.own(sql, types: parameters.map(\.type), on: connection, within: limit)
        }
        try enqueue(PreparedCall(name: name, parameters: parameters, hasBinaryResult: true), for: purpose)
    }

    /// Adds a user's statement to the queue; what is wrong with its text or its values is thrown at once.
    func enqueue(user sql: String, arguments: [SQLValue]) throws {
        try enqueue(try call(user: sql, arguments), for: .effect(sql))
    }

    /// Runs what waits in the queue.
    /// - Throws: ``QueuedFailure``.
    func flush() throws {
        let entries = queue.take()
        if !entries.isEmpty { _ = try send(entries) }
    }

    /// Runs a user's statement.
    /// - Returns: how many rows it changed.
    func execute(user sql: String, arguments: [SQLValue]) throws -> Int {
        try result(user: sql, arguments).changedRows
    }

    /// The rows of a user's query.
    func query(user sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        let result = try result(user: sql, arguments)
        let columns = 0..<result.columnCount
        let names = columns.map(result.columnName)
        return (0..<result.rowCount).map { row in
            SQLRow(columns: names, values: columns.map { SQLValue(result, row, $0) })
        }
    }

    private func result(_ sql: String, _ parameters: [Parameter]) throws -> QueryResult {
        let name = try forgettingWhatEnded {
            try statements.own(sql, types: parameters.map(\.type), on: connection, within: limit)
        }
        return try result(PreparedCall(name: name, parameters: parameters, hasBinaryResult: true))
    }

    private func result(user sql: String, _ arguments: [SQLValue]) throws -> QueryResult {
        do {
            return try result(try call(user: sql, arguments))
        } catch let failure as ServerFailure where failure.meansMadeBySomebodyElse {
            throw StoreError(failure, ofStatement: sql)
        }
    }

    private func call(user sql: String, _ arguments: [SQLValue]) throws -> PreparedCall {
        for case .text(let text) in arguments where text.utf8.contains(0) {
            throw StoreError(
                .statement, attempted: "run a statement",
                reason: "one of its values contains U+0000, which PostgreSQL cannot store in a text")
        }
        let parameters = arguments.map { Parameter(user: $0) }
        let name = try forgettingWhatEnded {
            // It may be about a table that a statement in the queue makes, and it may push another one out.
            try statements.user(
                sql, types: parameters.map(\.type), on: connection, within: limit, beforePreparing: flush
            ).name
        }
        return PreparedCall(name: name, parameters: parameters, hasBinaryResult: false)
    }

    private func enqueue(_ call: PreparedCall, for purpose: StatementQueue.Purpose) throws {
        queue.append(call, for: purpose)
        if queue.isFull { try flush() }
    }

    /// Runs a statement, behind those of the queue.
    private func result(_ call: PreparedCall) throws -> QueryResult {
        let entries = queue.take()
        guard entries.isEmpty else {
            let results = try send(entries, and: call)
            return results[entries.count]
        }
        return try forgettingWhatEnded { try connection.execute(call, within: limit) }
    }

    /// Sends statements in one round trip.
    /// - Returns: as many results.
    /// - Throws: ``QueuedFailure`` for one of `entries`, ``ServerFailure`` for `last`.
    private func send(_ entries: [StatementQueue.Entry], and last: PreparedCall? = nil) throws -> [QueryResult] {
        do throws(PipelineFailure) {
            return try connection.run(entries.map(\.call) + [last].compactMap(\.self), within: limit)
        } catch {
            if error.failure.endsPreparedStatement { statements.forget() }
            guard error.index < entries.count else { throw error.failure }
            throw QueuedFailure(purpose: entries[error.index].purpose, failure: error.failure)
        }
    }

    private func forgettingWhatEnded<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let failure as ServerFailure where failure.endsPreparedStatement {
            statements.forget()
            throw failure
        }
    }
}
