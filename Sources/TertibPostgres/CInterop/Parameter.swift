import TertibRuntime
import TertibCore

/// A value that a placeholder takes, in the form in which it goes over the wire.
struct Parameter {
    let type: UInt32
    /// `nil` is NULL.
    let bytes: [UInt8]?
    let isBinary: Bool

    private init(type: UInt32, bytes: [UInt8]?, isBinary: Bool = true) {
        self.type = type
        self.bytes = bytes
        self.isBinary = isBinary
    }

    static func text(_ value: String?) -> Parameter {
        Parameter(type: ServerType.text, bytes: value.map { Array($0.utf8) })
    }

    static func bigint(_ value: Int64?) -> Parameter {
        Parameter(type: ServerType.bigint, bytes: value.map { BinaryForm.bytes($0) })
    }

    static func bigint(_ value: Int) -> Parameter { bigint(Int64(value)) }

    static func bytes(_ value: [UInt8]) -> Parameter { Parameter(type: ServerType.bytes, bytes: value) }

    static func time(_ value: Timestamp?) -> Parameter {
        Parameter(type: ServerType.timestamp, bytes: value.map { BinaryForm.bytes($0) })
    }

    static func texts(_ values: [String?]) -> Parameter {
        array(ServerType.textArray, of: ServerType.text, values.map { $0.map { Array($0.utf8) } })
    }

    static func bigints(_ values: [Int64?]) -> Parameter {
        array(ServerType.bigintArray, of: ServerType.bigint, values.map { $0.map { BinaryForm.bytes($0) } })
    }

    static func byteStrings(_ values: [[UInt8]]) -> Parameter {
        array(ServerType.bytesArray, of: ServerType.bytes, values)
    }

    static func times(_ values: [Timestamp?]) -> Parameter {
        array(ServerType.timestampArray, of: ServerType.timestamp, values.map { $0.map { BinaryForm.bytes($0) } })
    }

    private static func array(_ type: UInt32, of element: UInt32, _ elements: [[UInt8]?]) -> Parameter {
        Parameter(type: type, bytes: BinaryForm.array(of: element, elements))
    }

    /// A value of a user's.
    ///
    /// Integers and texts leave their type to the server, so that they fit a column of any type that reads them (a
    /// boolean, a date, a UUID), as they do on SQLite. A fraction must not be read as an integer, nor bytes as a text.
    init(user value: SQLValue) {
        switch value {
        case .null: self.init(type: ServerType.unknown, bytes: nil, isBinary: false)
        case .integer(let number):
            self.init(type: ServerType.unknown, bytes: Array(String(number).utf8), isBinary: false)
        case .double(let number):
            self.init(type: ServerType.double, bytes: BinaryForm.bytes(Int64(bitPattern: number.bitPattern)))
        case .text(let text): self.init(type: ServerType.unknown, bytes: Array(text.utf8), isBinary: false)
        case .blob(let bytes): self.init(type: ServerType.bytes, bytes: bytes)
        }
    }
}

/// PostgreSQL's binary forms: numbers with the highest byte first.
enum BinaryForm {
    /// 2000-01-01T00:00:00Z, where the server's times begin, in microseconds since 1970.
    static let epoch: Int64 = 946_684_800_000_000
    /// What a `timestamptz` can hold: from 4714 BC to 294276 AD, in microseconds since 2000.
    private static let times: ClosedRange<Int64> = -211_813_488_000_000_000...9_223_371_331_199_999_999

    static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// A time outside of what the server knows becomes the nearest that it knows.
    static func bytes(_ time: Timestamp) -> [UInt8] {
        let (moved, isOver) = time.microseconds.subtractingReportingOverflow(epoch)
        return bytes(isOver ? times.lowerBound : min(max(moved, times.lowerBound), times.upperBound))
    }

    /// One dimension, counted from 1.
    static func array(of type: UInt32, _ elements: [[UInt8]?]) -> [UInt8] {
        let hasNull = elements.contains { $0 == nil }
        var form = bytes(Int32(elements.isEmpty ? 0 : 1)) + bytes(Int32(hasNull ? 1 : 0)) + bytes(type)
        if !elements.isEmpty { form += bytes(Int32(clamping: elements.count)) + bytes(Int32(1)) }
        form.reserveCapacity(form.count + elements.reduce(0) { $0 + 4 + ($1?.count ?? 0) })
        for element in elements {
            form += bytes(Int32(clamping: element?.count ?? -1))
            if let element { form += element }
        }
        return form
    }
}

/// The values of a statement side by side in memory, as libpq wants to be pointed at them.
struct ParameterBlock {
    private var bytes: [UInt8] = []
    private var offsets: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    init(_ parameters: [Parameter]) {
        for parameter in parameters {
            offsets.append(parameter.bytes == nil ? nil : bytes.count)
            lengths.append(Int32(clamping: parameter.bytes?.count ?? 0))
            formats.append(parameter.isBinary ? 1 : 0)
            // The zero ends a value in text form; it also gives an empty value an address, for none would be NULL.
            if let value = parameter.bytes { bytes += value + [0] }
        }
    }

    /// The pointers are valid only inside `body`; libpq copies what it sends.
    func withPointers<Result>(
        _ body: (_ values: [UnsafePointer<CChar>?], _ lengths: [Int32], _ formats: [Int32]) -> Result
    ) -> Result {
        bytes.withUnsafeBytes { buffer in
            let values = offsets.map { offset in
                offset.flatMap { buffer.baseAddress?.advanced(by: $0).assumingMemoryBound(to: CChar.self) }
            }
            return body(values, lengths, formats)
        }
    }
}
