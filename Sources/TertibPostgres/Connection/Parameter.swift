import TertibCore
import TertibRuntime
import TertibSQL

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

    /// One value.
    ///
    /// PostgreSQL's text does not hold U+0000, which the words of an error may contain: the row must be saved all the
    /// same.
    init(_ cell: Cell) {
        switch cell {
        case .text(let value):
            let storable = value.map { $0.utf8.contains(0) ? $0.replacing("\0", with: "\u{FFFD}") : $0 }
            self.init(type: ServerType.text, bytes: storable.map { Array($0.utf8) })
        case .integer(let value): self.init(type: ServerType.bigint, bytes: value.map { BinaryForm.bytes($0) })
        case .bytes(let value): self.init(type: ServerType.bytes, bytes: value)
        case .time(let value): self.init(type: ServerType.timestamp, bytes: value.map { BinaryForm.bytes($0) })
        }
    }

    /// One value, as a single cell.
    init(_ value: some StoredValue) { self.init(cells(value)[0]) }

    /// For each column of the values an array of as many elements: what `unnest` makes rows of.
    static func arrays<Value: StoredValue>(_ values: [Value]) -> [Parameter] {
        var cells: [Cell] = []
        for value in values { value.append(to: &cells) }
        return arrays(cells, Value.kinds)
    }

    /// The same of a table's records (``Table/unnest(from:)``).
    static func arrays<Record>(_ records: [Record], of table: Table<Record>) -> [Parameter] {
        arrays(records.flatMap { table.cells(of: $0) }, table.columns.map(\.kind))
    }

    private static func arrays(_ cells: [Cell], _ kinds: [ColumnKind]) -> [Parameter] {
        kinds.indices.map { column in
            let elements = stride(from: column, to: cells.count, by: kinds.count).map { Parameter(cells[$0]).bytes }
            let type = ServerType.types(kinds[column])
            return Parameter(type: type.array, bytes: BinaryForm.array(of: type.element, elements))
        }
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

/// A prepared statement with its values.
struct PreparedCall {
    let name: String
    let parameters: [Parameter]
    let hasBinaryResult: Bool

    /// How many bytes of values it sends.
    var size: Int { parameters.reduce(0) { $0 + ($1.bytes?.count ?? 0) } }
}

/// One of several statements that were sent together has failed; those before it have run, those behind it have not.
struct PipelineFailure: Error {
    let index: Int
    let failure: ServerFailure
}

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

    /// The type of a column, and that of an array of its values.
    static func types(_ kind: ColumnKind) -> (element: UInt32, array: UInt32) {
        switch kind {
        case .integer: (bigint, bigintArray)
        case .text, .prose: (text, textArray)
        case .bytes: (bytes, bytesArray)
        case .time: (timestamp, timestampArray)
        }
    }
}

extension Table {
    /// `unnest($2::text[], ...) AS w (aggregate_type, ...)`: rows made of the arrays of
    /// ``Parameter/arrays(_:of:)``.
    func unnest(from first: Int) -> String {
        let arrays = columns.enumerated().map { place, column in
            let type =
                switch column.kind {
                case .integer: "bigint"
                case .text, .prose: "text"
                case .bytes: "bytea"
                case .time: "timestamptz"
                }
            return "$\(first + place)::\(type)[]"
        }
        return "unnest(\(arrays.joined(separator: ", "))) AS w (\(list()))"
    }
}
