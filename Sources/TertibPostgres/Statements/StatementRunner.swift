import TertibCore
import TertibRuntime
import TertibSQL

/// Runs statements on one connection: the store's own with typed, binary values, and a user's under
/// ``UserStatement``.
struct StatementRunner: StatementRunning {
    let connection: ServerConnection
    let statements: StatementCache
    let options: PostgresOptions
    /// What waits to be sent; it goes with the next statement.
    let queue = StatementQueue()

    /// How long to wait for the server to answer: longer than its own limit, which is to end the statement first.
    var limit: Duration { options.statementTimeout * 3 / 2 + .seconds(1) }

    @discardableResult
    func execute(_ sql: String, _ cells: [Cell] = []) throws -> Int {
        try result(sql, cells.map { Parameter($0) }).changedRows
    }

    func forEachRow(_ sql: String, _ cells: [Cell], _ body: (ResultRow) throws -> Bool) throws {
        let result = try result(sql, cells.map { Parameter($0) })
        for row in 0..<result.rowCount {
            guard try body(ResultRow(result, row)) else { return }
        }
    }

    /// Runs one of the store's statements over arrays.
    /// - Returns: the number of rows that it changed.
    @discardableResult
    func execute(_ sql: String, over parameters: [Parameter]) throws -> Int { try result(sql, parameters).changedRows }

    /// The rows of one of the store's statements over arrays.
    func rows<Element>(
        _ sql: String, over parameters: [Parameter], _ read: (ResultRow) throws -> Element
    ) throws -> [Element] {
        let result = try result(sql, parameters)
        return try (0..<result.rowCount).map { try read(ResultRow(result, $0)) }
    }

    /// Runs a statement without parameters or a result, unprepared.
    func run(_ sql: String) throws {
        try flush()
        try connection.run(sql, within: limit)
    }

    /// Adds one of the store's statements to the queue.
    func enqueue(_ sql: String, _ cells: [Cell], for purpose: StatementQueue.Purpose) throws {
        try enqueue(try call(own: sql, cells.map { Parameter($0) }), for: purpose)
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
    /// - Returns: the number of rows that it changed.
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
        try result(try call(own: sql, parameters))
    }

    private func call(own sql: String, _ parameters: [Parameter]) throws -> PreparedCall {
        let name = try forgettingEnded {
            try statements.own(sql, types: parameters.map(\.type), on: connection, within: limit)
        }
        return PreparedCall(name: name, parameters: parameters, hasBinaryResult: true)
    }

    private func result(user sql: String, _ arguments: [SQLValue]) throws -> QueryResult {
        do {
            return try result(try call(user: sql, arguments))
        } catch let failure as ServerFailure where failure.meansAlreadyMade {
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
        let name = try forgettingEnded {
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
        return try forgettingEnded { try connection.execute(call, within: limit) }
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

    private func forgettingEnded<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let failure as ServerFailure where failure.endsPreparedStatement {
            statements.forget()
            throw failure
        }
    }
}

/// The prepared statements of one connection, by their text.
final class StatementCache {
    /// A user's statement that the server has prepared.
    struct Prepared {
        let name: String
        let statement: UserStatement
    }

    private static let limit = 256
    private var own: [String: String] = [:]
    private var users: [UserKey: Prepared] = [:]
    private var order: [UserKey] = []
    private var count = 0

    /// The name of one of the store's statements, whose number is fixed.
    func own(
        _ sql: String, types: [UInt32], on connection: ServerConnection, within limit: Duration
    ) throws(ServerFailure) -> String {
        if let name = own[sql] { return name }
        let name = nextName()
        try connection.prepare(name, Dialect.postgres.statement(sql), types: types, within: limit)
        own[sql] = name
        return name
    }

    /// A user's statement, checked when it is seen for the first time. A bounded number is kept, the latest, for the
    /// text may be another one each time.
    func user(
        _ sql: String, types: [UInt32], on connection: ServerConnection, within limit: Duration,
        beforePreparing: () throws -> Void
    ) throws -> Prepared {
        let key = UserKey(sql: Array(sql.utf8), types: types)
        if let prepared = users[key] { return prepared }
        let prepared = Prepared(name: nextName(), statement: try UserStatement(sql, .postgres))
        guard prepared.statement.parameterCount == types.count else {
            throw StoreError(
                .statement, attempted: "run a statement",
                reason: "it has \(prepared.statement.parameterCount) placeholders, and was given \(types.count) values")
        }
        try beforePreparing()
        if order.count >= Self.limit {
            // The oldest goes: a statement that is still in use comes back with one more round trip.
            let oldest = order.removeFirst()
            if let name = users.removeValue(forKey: oldest)?.name {
                try connection.run("DEALLOCATE \(name)", within: limit)
            }
        }
        try connection.prepare(prepared.name, prepared.statement.sql, types: types, within: limit)
        users[key] = prepared
        order.append(key)
        return prepared
    }

    /// The server has forgotten them, or they no longer fit its tables.
    func forget() {
        own.removeAll()
        users.removeAll()
        order.removeAll()
    }

    /// Never used twice on a connection: what was forgotten here may still be there.
    private func nextName() -> String {
        count += 1
        return "tertib_\(count)"
    }

    /// The text is compared by its bytes: canonically equivalent literals are two.
    private struct UserKey: Hashable {
        let sql: [UInt8]
        let types: [UInt32]
    }
}

/// Statements of a transaction that wait to be sent together with the next one whose result is needed.
///
/// Nothing of them is known to the server before that. Used on the thread of its connection only.
final class StatementQueue {
    /// One of them, and what it is for.
    struct Entry {
        let call: PreparedCall
        let purpose: Purpose
    }

    /// What a statement is for, in case that it fails.
    enum Purpose {
        /// A user's statement.
        case effect(String)
        /// A row of the outbox.
        case staging(AggregateVersion, Aggregate)
        /// Parked rows that have been applied.
        case draining(Aggregate)
    }

    /// A batch of the most deliveries has to fit in a few times.
    private static let countLimit = 512
    private static let sizeLimit = 1 << 20
    private var entries: [Entry] = []
    private var size = 0

    var isEmpty: Bool { entries.isEmpty }

    /// Whether it is time to send them: they are kept in memory, here and by libpq.
    var isFull: Bool { entries.count >= Self.countLimit || size >= Self.sizeLimit }

    func append(_ call: PreparedCall, for purpose: Purpose) {
        entries.append(Entry(call: call, purpose: purpose))
        size += call.size
    }

    /// Takes all of them.
    func take() -> [Entry] {
        defer { removeAll() }
        return entries
    }

    /// Forgets them: what they belong to is rolled back.
    func removeAll() {
        entries = []
        size = 0
    }
}

/// A statement that was enqueued has failed, and not the one that the caller has asked for.
struct QueuedFailure: Error {
    let purpose: StatementQueue.Purpose
    let failure: ServerFailure

    /// The failure in the words of what it was for.
    var error: StoreError {
        switch purpose {
        case .effect(let sql):
            return StoreError(failure, ofStatement: sql)
        case .draining(let aggregate):
            return StoreError(failure, attempted: "delete the parked events of \(aggregate)", isOwn: true)
        case .staging(let version, let aggregate):
            let attempted = "stage version \(version) of \(aggregate)"
            guard failure.state == "23505" else { return StoreError(failure, attempted: attempted, isOwn: true) }
            return StoreError(.statement, attempted: attempted, reason: "this version is staged already")
        }
    }
}
