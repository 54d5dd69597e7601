import GRDB
import TertibRuntime
import TertibSQL

extension StoreError {
    /// An error of SQLite's, classified by its result code.
    ///
    /// A damaged file counts as a database that is away: it is never the statement's fault, nothing may be
    /// acknowledged on it, and it can be restored.
    init(_ error: DatabaseError, attempted: String) {
        guard error.resultCode != .SQLITE_AUTH else {
            self = UserStatement.forbidden(attempted)
            return
        }
        let code: Code
        var advice: String?
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL, .SQLITE_SCHEMA:
            code = .conflict
        case .SQLITE_FULL:
            code = .unavailable
            advice = "Free space on the disk, or raise the limit of the database."
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
            code = .unavailable
            advice = "The folder must exist, and it and the file must be writable."
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            code = .unavailable
            advice = "The file is damaged or is no SQLite database; restore it from a backup."
        case .SQLITE_IOERR, .SQLITE_NOMEM, .SQLITE_NOLFS, .SQLITE_INTERRUPT, .SQLITE_INTERNAL:
            code = .unavailable
        case .SQLITE_ABORT:
            code = .transactionLost
        default:
            code = .statement
        }
        self.init(code, attempted: attempted, reason: Self.reason(of: error), advice: advice)
    }

    /// What a failed COMMIT means, the transaction having been rolled back.
    ///
    /// Busy, full and a violated constraint are found before the log's last frame is written. Any other failure may
    /// come after it (the sync), and then a crash can still bring the transaction to life.
    init(commit error: DatabaseError) {
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_CONSTRAINT:
            self.init(error, attempted: "commit")
        default:
            self.init(
                .commitUnknown, attempted: "commit", reason: Self.reason(of: error),
                advice: "Nothing may be acknowledged on it; a redelivery shows whether it was written.")
        }
    }

    /// Any error of a store's own work.
    init(wrapping error: any Error, attempted: String) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError: self.init(error, attempted: attempted)
        default: self.init(.unavailable, attempted: attempted, reason: "\(error)")
        }
    }

    /// SQLite's message names tables, columns and syntax, never values.
    private static func reason(of error: DatabaseError) -> String {
        "\(error.message ?? "no message") (SQLite error \(error.extendedResultCode.rawValue))"
    }
}
