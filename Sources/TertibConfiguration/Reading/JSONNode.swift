import TertibCore

/// A value of a configuration file, and where it stands.
struct JSONNode: Sendable {
    /// The kinds of value. A number is kept as it is written.
    enum Value: Sendable {
        case object([Member])
        case array([JSONNode])
        case string(String)
        case number(String)
        case bool(Bool)
        case null
    }

    /// A key with its value. An object keeps all of them, repeated keys too, in the order of the file.
    struct Member: Sendable {
        let key: String
        let position: TextPosition
        let node: JSONNode
    }

    let value: Value
    let position: TextPosition

    /// What it is, for a message: a text is quoted and shortened, and what terminals obey is escaped.
    var shown: String {
        switch value {
        case .object: "an object"
        case .array: "an array"
        case .string(let text): QuotedText.quote(text)
        case .number(let text): String(text.prefix(40))
        case .bool(let flag): "\(flag)"
        case .null: "null"
        }
    }

    /// What kind of value it is, for a message that must not tell the value.
    var kind: String {
        switch value {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .bool: "true or false"
        case .null: "null"
        }
    }
}

extension JSONNode {
    /// The deepest nesting of a configuration file.
    static let depthLimit = 16

    /// Reads a whole text.
    static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONNode {
        var builder = JSONTreeBuilder(bytes: bytes)
        return try builder.build()
    }
}

/// Builds the tree from the tokenizer's pieces, with a stack of its own.
private struct JSONTreeBuilder {
    private enum Level {
        case object(TextPosition, [JSONNode.Member], key: String, keyPosition: TextPosition)
        case array(TextPosition, [JSONNode])
    }

    let bytes: [UInt8]
    private var levels: [Level] = []
    private var root: JSONNode?
    /// How far lines have been counted. Pieces come in the order of the text, so that each byte is counted once.
    private var counted = 0
    private var line = 1
    private var column = 1

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func build() throws(JSONSyntaxError) -> JSONNode {
        var tokenizer = JSONTokenizer(bytes, depthLimit: JSONNode.depthLimit)
        while let token = try tokenizer.next() { take(token, at: position(of: token.range.lowerBound)) }
        guard let root else { throw JSONSyntaxError(offset: 0, problem: "it is empty") }
        return root
    }

    private mutating func position(of offset: Int) -> TextPosition {
        for byte in bytes[counted..<offset] {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        counted = offset
        return TextPosition(line: line, column: column)
    }

    private mutating func take(_ token: JSONToken, at position: TextPosition) {
        switch token.kind {
        case .beginObject: levels.append(.object(position, [], key: "", keyPosition: position))
        case .beginArray: levels.append(.array(position, []))
        case .key: takeKey(token.text(in: bytes), at: position)
        case .endObject, .endArray: takeEnd()
        case .string: add(JSONNode(value: .string(token.text(in: bytes)), position: position))
        case .number: add(JSONNode(value: .number(token.text(in: bytes)), position: position))
        case .true: add(JSONNode(value: .bool(true), position: position))
        case .false: add(JSONNode(value: .bool(false), position: position))
        case .null: add(JSONNode(value: .null, position: position))
        }
    }

    private mutating func takeKey(_ key: String, at position: TextPosition) {
        guard case .object(let start, let members, _, _)? = levels.popLast() else { return }
        levels.append(.object(start, members, key: key, keyPosition: position))
    }

    private mutating func takeEnd() {
        switch levels.popLast() {
        case .object(let start, let members, _, _)?: add(JSONNode(value: .object(members), position: start))
        case .array(let start, let elements)?: add(JSONNode(value: .array(elements), position: start))
        case nil: break
        }
    }

    private mutating func add(_ node: JSONNode) {
        switch levels.popLast() {
        case .object(let start, var members, let key, let keyPosition)?:
            members.append(JSONNode.Member(key: key, position: keyPosition, node: node))
            levels.append(.object(start, members, key: key, keyPosition: keyPosition))
        case .array(let start, var elements)?:
            elements.append(node)
            levels.append(.array(start, elements))
        case nil:
            root = node
        }
    }
}
