/// The types that the store's own statements use, by their object ids, which are the same in every database
/// (PostgreSQL's `pg_type.dat`).
enum ServerType {
    static let unknown: UInt32 = 0
    static let boolean: UInt32 = 16
    static let bytes: UInt32 = 17
    static let bigint: UInt32 = 20
    static let smallint: UInt32 = 21
    static let integer: UInt32 = 23
    static let text: UInt32 = 25
    static let objectID: UInt32 = 26
    static let real: UInt32 = 700
    static let double: UInt32 = 701
    static let numeric: UInt32 = 1700
    static let timestamp: UInt32 = 1184
    static let bytesArray: UInt32 = 1001
    static let textArray: UInt32 = 1009
    static let bigintArray: UInt32 = 1016
    static let timestampArray: UInt32 = 1185
}
