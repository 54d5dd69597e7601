import TertibRuntime
import TertibCore

/// A row's key: its columns as bytes whose order is that of the columns, text by its UTF-8 bytes.
struct MemoryKey: Hashable, Comparable, Sendable {
    private(set) var bytes: [UInt8] = []

    init(_ columns: SQLValue...) {
        self.init(columns)
    }

    init(_ columns: [SQLValue]) {
        for column in columns { append(column) }
    }

    init(_ consumer: ConsumerName, _ aggregate: Aggregate) {
        self.init(.text(consumer.text), .text(aggregate.type.text), .text(aggregate.id.text))
    }

    init(_ consumer: ConsumerName, _ aggregate: Aggregate, _ version: AggregateVersion) {
        self.init(consumer, aggregate)
        append(.integer(version.number))
    }

    init(_ aggregate: Aggregate) {
        self.init(.text(aggregate.type.text), .text(aggregate.id.text))
    }

    /// Whether the first columns of this key are those of `prefix`. Each column ends with a mark of its own, so a
    /// prefix of bytes is one of columns.
    func begins(with prefix: MemoryKey) -> Bool { bytes.starts(with: prefix.bytes) }

    static func < (left: MemoryKey, right: MemoryKey) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    private mutating func append(_ column: SQLValue) {
        switch column {
        case .null:
            bytes.append(0)
        case .integer(let number):
            bytes.append(1)
            append(UInt64(bitPattern: number) ^ (1 << 63))
        case .double(let number):
            bytes.append(2)
            let pattern = number.bitPattern
            append(pattern >> 63 == 0 ? pattern | (1 << 63) : ~pattern)
        case .text(let text):
            bytes.append(3)
            append(terminated: text.utf8)
        case .blob(let blob):
            bytes.append(4)
            append(terminated: blob)
        }
    }

    private mutating func append(_ number: UInt64) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// Zero bytes are written 0 255, and 0 1 ends the column: so a shorter text comes before what it begins.
    private mutating func append(terminated content: some Sequence<UInt8>) {
        for byte in content {
            bytes.append(byte)
            if byte == 0 { bytes.append(255) }
        }
        bytes.append(0)
        bytes.append(1)
    }
}

extension SQLValue {
    /// Equal as a database compares: text by its bytes.
    func isSame(as other: SQLValue) -> Bool { MemoryKey(self) == MemoryKey(other) }
}
