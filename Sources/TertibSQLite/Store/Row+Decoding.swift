import Foundation
import GRDB
import Tertib
import TertibCore

/// Reads the columns of the store's own rows. What cannot be read back is ``StoreError/Code/corrupt``, never a trap.
extension Row {
    func integer(_ column: Int) throws(StoreError) -> Int64 {
        guard case .int64(let value) = value(column).storage else { throw unreadable(column) }
        return value
    }

    func text(_ column: Int) throws(StoreError) -> String {
        guard case .string(let value) = value(column).storage else { throw unreadable(column) }
        return value
    }

    func optionalText(_ column: Int) throws(StoreError) -> String? {
        value(column).isNull ? nil : try text(column)
    }

    func bytes(_ column: Int) throws(StoreError) -> [UInt8] {
        guard case .blob(let value) = value(column).storage else { throw unreadable(column) }
        return [UInt8](value)
    }

    func identity<Identity: BytewiseText>(_ column: Int, _ type: Identity.Type = Identity.self) throws(StoreError)
        -> Identity
    {
        do {
            return try Identity(text(column))
        } catch {
            throw unreadable(column)
        }
    }

    func optionalIdentity<Identity: BytewiseText>(
        _ column: Int, _ type: Identity.Type = Identity.self
    ) throws(StoreError) -> Identity? {
        value(column).isNull ? nil : try identity(column, type)
    }

    /// Two columns, type and id.
    func aggregate(_ column: Int) throws(StoreError) -> Aggregate {
        Aggregate(type: try identity(column), id: try identity(column + 1))
    }

    func version(_ column: Int) throws(StoreError) -> AggregateVersion {
        guard let version = AggregateVersion(try integer(column)) else { throw unreadable(column) }
        return version
    }

    func sequence(_ column: Int) throws(StoreError) -> StreamSequence {
        StreamSequence(UInt64(bitPattern: try integer(column)))
    }

    func time(_ column: Int) throws(StoreError) -> Timestamp {
        guard let time = Timestamp(rfc3339: try text(column)) else { throw unreadable(column) }
        return time
    }

    func optionalTime(_ column: Int) throws(StoreError) -> Timestamp? {
        value(column).isNull ? nil : try time(column)
    }

    func word<Word: RawRepresentable<String>>(_ column: Int, _ type: Word.Type = Word.self) throws(StoreError) -> Word {
        guard let word = Word(rawValue: try text(column)) else { throw unreadable(column) }
        return word
    }

    private func value(_ column: Int) -> DatabaseValue { self[column] }

    private func unreadable(_ column: Int) -> StoreError {
        let name = Array(columnNames)[column]
        return StoreError(
            .corrupt, attempted: "read the column \(name)", reason: "it holds what the store never writes",
            advice: "Somebody else has changed the table.")
    }
}

extension StreamSequence {
    /// The number in a signed column.
    var column: Int64 { Int64(bitPattern: number) }
}
