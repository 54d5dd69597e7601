import CPostgres
import TertibRuntime

/// One result of libpq's: rows, or what a statement came to. It owns the memory, and frees it with the last reference.
final class QueryResult {
    /// What became of the statement.
    enum Outcome {
        case done
        case failed(ServerFailure)
        /// Not run, because an earlier one of its pipeline has failed.
        case skipped
        /// The server has come to the end of a pipeline.
        case endOfPipeline
        /// The copy protocol, or something newer than this code.
        case unexpected
    }

    private let handle: OpaquePointer
    private let isConnectionLost: Bool

    init(_ handle: OpaquePointer, isConnectionLost: Bool) {
        self.handle = handle
        self.isConnectionLost = isConnectionLost
    }

    deinit { PQclear(handle) }

    var outcome: Outcome {
        switch PQresultStatus(handle) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: .done
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE:
            .failed(ServerFailure(handle, isConnectionLost: isConnectionLost))
        case PGRES_PIPELINE_ABORTED: .skipped
        case PGRES_PIPELINE_SYNC: .endOfPipeline
        default: .unexpected
        }
    }

    /// What the server calls the command that it ran: `COMMIT`, `INSERT 0 1`.
    var commandTag: String { PQcmdStatus(handle).map { String(cString: $0) } ?? "" }

    /// How many rows the command changed; 0 for one that only read or defined something.
    var changedRows: Int {
        let tag = commandTag
        guard ["INSERT ", "UPDATE ", "DELETE ", "MERGE "].contains(where: tag.hasPrefix) else { return 0 }
        return tag.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    var rowCount: Int { Int(PQntuples(handle)) }
    var columnCount: Int { Int(PQnfields(handle)) }

    func columnName(_ column: Int) -> String {
        PQfname(handle, Int32(column)).map { String(cString: $0) } ?? ""
    }

    func columnType(_ column: Int) -> UInt32 { PQftype(handle, Int32(column)) }

    func isNull(_ row: Int, _ column: Int) -> Bool { PQgetisnull(handle, Int32(row), Int32(column)) == 1 }

    /// The bytes of a value, valid only inside `body`.
    func withBytes<Result>(_ row: Int, _ column: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let count = Int(PQgetlength(handle, Int32(row), Int32(column)))
        return withExtendedLifetime(self) {
            body(UnsafeRawBufferPointer(start: PQgetvalue(handle, Int32(row), Int32(column)), count: count))
        }
    }
}
