/// A JSON document whose objects keep the order of their keys, and whose whole numbers keep every digit that 64 bits
/// hold.
///
/// A document can be read, changed and written back without knowing its fields: a newer server's fields survive.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// A whole number beyond what `Int64` holds.
    case unsigned(UInt64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// A key and its value.
    package struct Member: Hashable, Sendable {
        package let key: String
        package var value: JSONValue

        package init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }
}

// MARK: - Building

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// An object of these members, in this order.
    package init(dictionaryLiteral members: (String, JSONValue)...) {
        self = .object(members.map { Member(key: $0.0, value: $0.1) })
    }

    /// The text, or null.
    package static func text(_ text: (some CustomStringConvertible)?) -> JSONValue {
        text.map { .string($0.description) } ?? .null
    }

    /// The number, or null.
    package static func number(_ number: (some BinaryInteger)?) -> JSONValue {
        guard let number else { return .null }
        return Int64(exactly: number).map { .integer($0) } ?? .unsigned(UInt64(clamping: number))
    }

    /// The whole seconds, or null.
    package static func seconds(_ duration: Duration?) -> JSONValue {
        .number(duration?.components.seconds)
    }

    /// An array of texts.
    package static func texts(_ texts: some Sequence<some CustomStringConvertible>) -> JSONValue {
        .array(texts.map { .string($0.description) })
    }
}

// MARK: - Looking

extension JSONValue {
    /// A field of an object; `null` where there is none. Setting null removes it.
    package subscript(_ name: String) -> JSONValue {
        get {
            guard case .object(let members) = self else { return .null }
            return members.first { $0.key == name }?.value ?? .null
        }
        set {
            guard case .object(var members) = self else { return }
            let index = members.firstIndex { $0.key == name }
            switch (index, newValue) {
            case (let index?, .null): members.remove(at: index)
            case (let index?, _): members[index].value = newValue
            case (nil, .null): break
            case (nil, _): members.append(Member(key: name, value: newValue))
            }
            self = .object(members)
        }
    }

    package var text: String? { if case .string(let value) = self { value } else { nil } }

    package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }

    package var unsigned: UInt64? {
        switch self {
        case .integer(let value): UInt64(exactly: value)
        case .unsigned(let value): value
        default: nil
        }
    }

    package var bool: Bool { self == .bool(true) }

    package var elements: [JSONValue] { if case .array(let value) = self { value } else { [] } }

    package var texts: [String] { elements.compactMap(\.text) }

    /// A number that counts something; a server leaves out what is zero.
    package var count: Int { integer.flatMap { Int(exactly: $0) } ?? 0 }
}

// MARK: - Reading

extension JSONValue {
    /// Reads a whole text.
    /// - Throws: ``JSONSyntaxError``, with the first thing that is wrong.
    package init(parsing bytes: [UInt8], depthLimit: Int = 64) throws(JSONSyntaxError) {
        var reader = JSONReader(bytes: bytes, tokenizer: JSONTokenizer(bytes, depthLimit: depthLimit))
        self = try reader.value()
        // What stands behind the value is an error.
        _ = try reader.tokenizer.next()
    }

    /// A number as it is written: whole numbers stay whole as far as 64 bits go.
    fileprivate init(number text: String) {
        if let value = Int64(text) {
            self = .integer(value)
        } else if let value = UInt64(text) {
            self = .unsigned(value)
        } else {
            self = .double(Double(text) ?? .nan)
        }
    }
}

/// Builds a value from the tokenizer's pieces. The tokenizer checks their order, and limits the depth of the recursion.
private struct JSONReader {
    let bytes: [UInt8]
    var tokenizer: JSONTokenizer

    mutating func value() throws(JSONSyntaxError) -> JSONValue {
        guard let token = try tokenizer.next() else { throw JSONSyntaxError(offset: 0, problem: "it is empty") }
        return try value(token)
    }

    private mutating func value(_ token: JSONToken) throws(JSONSyntaxError) -> JSONValue {
        switch token.kind {
        case .beginObject:
            var members: [JSONValue.Member] = []
            while let key = try tokenizer.next(), key.kind == .key {
                members.append(.init(key: key.text(in: bytes), value: try value()))
            }
            return .object(members)
        case .beginArray:
            var elements: [JSONValue] = []
            while let element = try tokenizer.next(), element.kind != .endArray {
                elements.append(try value(element))
            }
            return .array(elements)
        case .string: return .string(token.text(in: bytes))
        case .number: return JSONValue(number: token.text(in: bytes))
        case .true: return true
        case .false: return false
        case .null, .key, .endObject, .endArray: return .null
        }
    }
}

// MARK: - Writing

extension JSONValue {
    /// The document in one line.
    package var line: String {
        var text = ""
        write(to: &text)
        return text
    }

    /// The bytes of ``line``.
    package var encoded: [UInt8] { Array(line.utf8) }

    private func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .unsigned(let value): text += String(value)
        case .double(let value): text += value.isFinite ? String(value) : "null"
        case .string(let value): text += Self.quoted(value)
        case .array(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                value.write(to: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                text += Self.quoted(member.key) + ":"
                member.value.write(to: &text)
            }
            text += "}"
        }
    }

    /// A JSON string. Beyond what RFC 8259 asks for, everything that ``SafeText`` takes for harmful is escaped, so that
    /// a document may be looked at in a terminal.
    package static func quoted(_ value: String) -> String {
        "\"" + escaped(value) + "\""
    }

    /// What stands between the quotes of a JSON string.
    package static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return SafeText.replacingHarmful(in: text) { scalar in
            scalar.utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }
    }
}
