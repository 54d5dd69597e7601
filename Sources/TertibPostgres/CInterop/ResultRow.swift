import TertibRuntime
import TertibCore

/// One row of a result in binary form, of a statement of the store's own.
///
/// Reads the columns of the store's own tables: what cannot be read back is ``StoreError/Code/corrupt``, never a trap.
struct ResultRow {
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
        return result.withBytes(row, column) { String(decoding: $0, as: UTF8.self) }
    }

    func optionalText(_ column: Int) throws(StoreError) -> String? { isNull(column) ? nil : try text(column) }

    func bytes(_ column: Int) throws(StoreError) -> [UInt8] {
        try require(ServerType.bytes, column)
        return result.withBytes(row, column) { [UInt8]($0) }
    }

    func identity<Identity: BytewiseText>(
        _ column: Int, _ type: Identity.Type = Identity.self
    ) throws(StoreError) -> Identity {
        let text = try text(column)
        do {
            return try Identity(text)
        } catch {
            throw unreadable(column)
        }
    }

    func optionalIdentity<Identity: BytewiseText>(
        _ column: Int, _ type: Identity.Type = Identity.self
    ) throws(StoreError) -> Identity? {
        isNull(column) ? nil : try identity(column, type)
    }

    /// Two columns, type and id.
    func aggregate(_ column: Int) throws(StoreError) -> Aggregate {
        Aggregate(type: try identity(column), id: try identity(column + 1))
    }

    func version(_ column: Int) throws(StoreError) -> AggregateVersion {
        guard let version = AggregateVersion(try integer(column)) else { throw unreadable(column) }
        return version
    }

    func optionalVersion(_ column: Int) throws(StoreError) -> AggregateVersion? {
        isNull(column) ? nil : try version(column)
    }

    func sequence(_ column: Int) throws(StoreError) -> StreamSequence {
        StreamSequence(UInt64(bitPattern: try integer(column)))
    }

    func time(_ column: Int) throws(StoreError) -> Timestamp {
        try require(ServerType.timestamp, column)
        let (microseconds, isOver) = try number(column).addingReportingOverflow(BinaryForm.epoch)
        guard !isOver else { throw unreadable(column) }
        return Timestamp(microseconds: microseconds)
    }

    func optionalTime(_ column: Int) throws(StoreError) -> Timestamp? { isNull(column) ? nil : try time(column) }

    func word<Word: RawRepresentable<String>>(_ column: Int, _ type: Word.Type = Word.self) throws(StoreError) -> Word {
        guard let word = Word(rawValue: try text(column)) else { throw unreadable(column) }
        return word
    }

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

    private func unreadable(_ column: Int) -> StoreError {
        StoreError(
            .corrupt, attempted: "read the column \(result.columnName(column))",
            reason: "it holds what the store never writes", advice: "Somebody else has changed the table.")
    }
}

extension StreamSequence {
    /// The number in a signed column.
    var column: Int64 { Int64(bitPattern: number) }
}
