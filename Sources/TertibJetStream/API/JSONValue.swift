import Foundation

/// A JSON value whose fields need not be known: a configuration is read, changed and written back whole, because an
/// update replaces everything, and a newer server's fields have to survive it.
enum JSONValue: Hashable, Sendable, Codable {
    case null
    case bool(Bool)
    case integer(Int64)
    case unsigned(UInt64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(UInt64.self) {
            self = .unsigned(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .unsigned(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// A field of an object; `null` where there is none.
    subscript(_ name: String) -> JSONValue {
        get {
            guard case .object(let fields) = self else { return .null }
            return fields[name] ?? .null
        }
        set {
            guard case .object(var fields) = self else { return }
            fields[name] = newValue == .null ? nil : newValue
            self = .object(fields)
        }
    }

    var text: String? { if case .string(let value) = self { value } else { nil } }

    var integer: Int64? { if case .integer(let value) = self { value } else { nil } }

    var unsigned: UInt64? {
        switch self {
        case .integer(let value): UInt64(exactly: value)
        case .unsigned(let value): value
        default: nil
        }
    }

    var bool: Bool { self == .bool(true) }

    var elements: [JSONValue] { if case .array(let value) = self { value } else { [] } }

    var texts: [String] { elements.compactMap(\.text) }

    /// A number that counts something; a server leaves out what is zero.
    var count: Int { integer.flatMap { Int(exactly: $0) } ?? 0 }

    /// The bytes of the value, its fields in a fixed order.
    var encoded: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Encoding can fail for a number that is not finite only, and none comes from JSON.
        return (try? encoder.encode(self)).map { Array($0) } ?? []
    }

    /// `nil` when the bytes are not JSON.
    init?(decoding bytes: [UInt8]) {
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)) else { return nil }
        self = value
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int64) { self = .integer(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
}
