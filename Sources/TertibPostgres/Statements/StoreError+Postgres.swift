import TertibRuntime
import TertibSQL

extension StoreError {
    /// A failure of the server's or of the way to it, classified by its SQLSTATE.
    ///
    /// - Parameter isOwn: Whether the statement is the store's own: then a missing table is the schema's fault, and
    ///   one that takes too long the database's.
    init(_ failure: ServerFailure, attempted: String, isOwn: Bool) {
        let (code, advice) = Self.judge(failure, isOwn: isOwn)
        self.init(code, attempted: attempted, reason: Self.reason(of: failure), advice: advice)
    }

    /// A failure of a user's statement.
    ///
    /// `CREATE ... IF NOT EXISTS` looks only once: when another session makes the same thing at the same moment, one of
    /// several errors is the answer. The next try finds it made.
    init(_ failure: ServerFailure, ofStatement sql: String) {
        let words = sql.uppercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard failure.meansAlreadyMade, words.contains("IF NOT EXISTS") else {
            self.init(failure, attempted: "run \(sql.excerpt)", isOwn: false)
            return
        }
        self.init(.conflict, attempted: "run \(sql.excerpt)", reason: Self.reason(of: failure))
    }

    /// What a failed COMMIT means.
    ///
    /// An error that the server reports is found before the commit record is written, and rolls everything back. When
    /// the connection ends instead, the record may or may not have been written.
    init(commit failure: ServerFailure) {
        guard failure.isConnectionLost else {
            self.init(failure, attempted: "commit", isOwn: true)
            return
        }
        self.init(
            .commitUnknown, attempted: "commit", reason: Self.reason(of: failure),
            advice: "Nothing may be acknowledged on it; a redelivery shows whether it was written.")
    }

    /// Any error of a store's own work.
    init(wrapping error: any Error, attempted: String, isOwn: Bool) {
        switch error {
        case let error as StoreError: self = error
        case let failure as ServerFailure: self.init(failure, attempted: attempted, isOwn: isOwn)
        case let queued as QueuedFailure: self = queued.error
        default: self.init(.unavailable, attempted: attempted, reason: "\(error)")
        }
    }

    private static func judge(_ failure: ServerFailure, isOwn: Bool) -> (Code, String?) {
        if failure.isConnectionLost { return (.unavailable, nil) }
        guard let state = failure.state else { return (.unavailable, nil) }
        if failure.endsPreparedStatement { return (.conflict, nil) }
        switch state {
        case "55P03", "55006":
            return (.conflict, nil)
        case "25P02", "3B001":
            return (.transactionLost, nil)
        case "57014":
            return (isOwn ? .unavailable : .statement, nil)
        case "25006":
            return (.unavailable, "The server is a standby, or made read-only: connect to the primary.")
        case "42P01", "42703":
            guard isOwn else { return (.statement, nil) }
            return (.schema, "Create or upgrade the tables: run migrate.")
        case "42501":
            guard isOwn else { return (.statement, nil) }
            return (.schema, "Grant the role what it needs: CREATE on its schema, and its own tables.")
        case "53100":
            return (.unavailable, "Free space on the server's disk.")
        case "XX001", "XX002":
            return (.unavailable, "The database is damaged; restore it from a backup.")
        default:
            return (code(of: state.prefix(2)), nil)
        }
    }

    /// The classes of appendix A that are not the statement's fault.
    private static func code(of errorClass: Substring) -> Code {
        switch errorClass {
        case "40": .conflict
        case "08", "53", "57", "58": .unavailable
        default: .statement
        }
    }

    private static func reason(of failure: ServerFailure) -> String {
        failure.state.map { "\(failure.message) (SQLSTATE \($0))" } ?? failure.message
    }
}

extension ServerFailure {
    /// There is a table, a type or an index of this name by now: found before it was made, or in the catalogue's own
    /// indexes.
    var meansAlreadyMade: Bool {
        ["42P07", "42710"].contains(state) || (state == "23505" && schema == "pg_catalog")
    }

    /// The server has forgotten a prepared statement, or the tables under it have changed; prepared anew, it works.
    var endsPreparedStatement: Bool {
        state == "26000" || state == "0A000" && function == "RevalidateCachedQuery"
    }
}
