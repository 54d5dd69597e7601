import TertibRuntime

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
        try connection.prepare(name, sql, types: types, within: limit)
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
        let prepared = Prepared(name: nextName(), statement: try UserStatement(sql))
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
