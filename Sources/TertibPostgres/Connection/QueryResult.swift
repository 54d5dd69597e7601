import CPostgres
import TertibCore
import TertibRuntime
import TertibSQL

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

    /// A value as text; `nil` for NULL, and where there is no such row.
    func text(_ row: Int, _ column: Int) -> String? {
        guard row < rowCount, !isNull(row, column) else { return nil }
        return withBytes(row, column) { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of a value, valid only inside `body`.
    func withBytes<Result>(_ row: Int, _ column: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let count = Int(PQgetlength(handle, Int32(row), Int32(column)))
        return withExtendedLifetime(self) {
            body(UnsafeRawBufferPointer(start: PQgetvalue(handle, Int32(row), Int32(column)), count: count))
        }
    }
}

/// One row of a result in binary form, of a statement of the store's own.
struct ResultRow: RowReader {
    private let result: QueryResult
    private let row: Int

    init(_ result: QueryResult, _ row: Int) {
        self.result = result
        self.row = row
    }

    func isNull(_ column: Int) -> Bool { result.isNull(row, column) }

    func integer(_ column: Int) throws(StoreError) -> Int64 {
        try require(ServerType.bigint, column)
        return try number(column)
    }

    func text(_ column: Int) throws(StoreError) -> String {
        try require(ServerType.text, column)
        return result.text(row, column) ?? ""
    }

    func bytes(_ column: Int) throws(StoreError) -> [UInt8] {
        try require(ServerType.bytes, column)
        return result.withBytes(row, column) { [UInt8]($0) }
    }

    func time(_ column: Int) throws(StoreError) -> Timestamp {
        try require(ServerType.timestamp, column)
        let (microseconds, isOver) = try number(column).addingReportingOverflow(BinaryForm.epoch)
        guard !isOver else { throw unreadable(column) }
        return Timestamp(microseconds: microseconds)
    }

    func name(_ column: Int) -> String { result.columnName(column) }

    private func number(_ column: Int) throws(StoreError) -> Int64 {
        let number: Int64? = result.withBytes(row, column) { bytes in
            bytes.count == 8 ? Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)) : nil
        }
        guard let number else { throw unreadable(column) }
        return number
    }

    private func require(_ type: UInt32, _ column: Int) throws(StoreError) {
        guard result.columnType(column) == type, !isNull(column) else { throw unreadable(column) }
    }
}

extension SQLValue {
    /// A value of a user's query, in text form.
    ///
    /// Numbers and booleans become what SQLite makes of them; a `numeric` with more digits than a floating-point number
    /// keeps, and every other type, become the text that PostgreSQL writes.
    init(_ result: QueryResult, _ row: Int, _ column: Int) {
        self =
            result.text(row, column).map { Self.read($0, of: result.columnType(column)) ?? .text($0) } ?? .null
    }

    private static func read(_ text: String, of type: UInt32) -> SQLValue? {
        switch type {
        case ServerType.bigint, ServerType.integer, ServerType.smallint, ServerType.objectID:
            Int64(text).map { .integer($0) }
        case ServerType.boolean:
            .integer(text == "t" ? 1 : 0)
        case ServerType.double, ServerType.real:
            number(text).map { .double($0) }
        case ServerType.numeric:
            Int64(text).map { .integer($0) } ?? exact(text).map { .double($0) }
        case ServerType.bytes:
            bytes(text).map { .blob($0) }
        default:
            nil
        }
    }

    /// Swift reads neither `Infinity` with a capital nor `NaN` otherwise than PostgreSQL writes them.
    private static func number(_ text: String) -> Double? { Double(text) ?? Double(text.lowercased()) }

    /// Up to 15 digits a floating-point number keeps.
    private static func exact(_ text: String) -> Double? {
        text.utf8.count { $0 &- UInt8(ascii: "0") < 10 } <= 15 ? number(text) : nil
    }

    /// `\x` and two digits a byte (`bytea_output = hex`).
    private static func bytes(_ text: String) -> [UInt8]? {
        guard text.hasPrefix("\\x") else { return nil }
        let digits = Array(text.utf8.dropFirst(2))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let high = digit(digits[index]), let low = digit(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
