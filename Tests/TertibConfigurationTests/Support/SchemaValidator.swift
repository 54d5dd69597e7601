import TertibCore

@testable import TertibConfiguration

/// Checks values against a JSON Schema (draft 2020-12), as far as docs/configuration.schema.json uses it.
struct SchemaValidator {
    let root: JSONNode
    private let patterns = PatternCache()

    init(root: JSONNode) {
        self.root = root
    }

    /// Words that say something to people or editors only.
    static let annotations: Set<String> = ["$schema", "$id", "$defs", "title", "description", "default", "examples"]
    /// Words that are checked.
    static let assertions: Set<String> = [
        "$ref", "type", "enum", "const", "required", "properties", "additionalProperties", "propertyNames",
        "maxProperties", "minProperties", "dependentRequired", "minLength", "maxLength", "pattern", "minimum",
        "maximum", "items", "minItems", "maxItems", "uniqueItems", "oneOf", "anyOf", "not",
    ]

    /// Whether the schema accepts a value.
    func accepts(_ value: JSONNode) throws -> Bool { try check(value, root) }

    /// The subschema that a `$ref` within the document points to, or the schema itself.
    func resolve(_ schema: JSONNode) throws -> JSONNode {
        guard case .string(let reference)? = schema["$ref"]?.value else { return schema }
        var target = root
        for step in reference.dropFirst(2).split(separator: "/") {
            guard let next = target[String(step)] else { throw UnknownSchema(text: reference) }
            target = next
        }
        return target
    }

    private func check(_ value: JSONNode, _ schema: JSONNode) throws -> Bool {
        if case .bool(let accepts) = schema.value { return accepts }
        for keyword in schema.members ?? [] where !Self.annotations.contains(keyword.key) {
            guard try check(value, keyword.key, keyword.node, schema) else { return false }
        }
        return true
    }

    private func check(_ value: JSONNode, _ keyword: String, _ rule: JSONNode, _ schema: JSONNode) throws -> Bool {
        switch keyword {
        case "$ref": try check(value, try resolve(schema))
        case "type": try isOfType(value, rule)
        case "enum": (rule.elements ?? []).contains { $0.isEqual(to: value) }
        case "const": rule.isEqual(to: value)
        case "oneOf": try (rule.elements ?? []).count { try check(value, $0) } == 1
        case "anyOf": try (rule.elements ?? []).contains { try check(value, $0) }
        case "not": try !check(value, rule)
        case "required", "properties", "additionalProperties", "propertyNames", "maxProperties", "minProperties",
            "dependentRequired":
            try value.members.map { try checkObject($0, keyword, rule, schema) } ?? true
        case "minLength", "maxLength", "pattern": try value.text.map { try checkText($0, keyword, rule) } ?? true
        case "minimum": value.double.map { $0 >= rule.double ?? .nan } ?? true
        case "maximum": value.double.map { $0 <= rule.double ?? .nan } ?? true
        case "items", "minItems", "maxItems", "uniqueItems":
            try value.elements.map { try checkArray($0, keyword, rule) } ?? true
        default: throw UnknownSchema(text: keyword)
        }
    }

    private func isOfType(_ value: JSONNode, _ rule: JSONNode) throws -> Bool {
        switch (rule.text, value.value) {
        case ("object", .object), ("array", .array), ("string", .string), ("boolean", .bool): true
        case ("integer", .number): value.double.map { $0.rounded() == $0 } ?? false
        case ("object", _), ("array", _), ("string", _), ("boolean", _), ("integer", _): false
        default: throw UnknownSchema(text: "type \(rule.shown)")
        }
    }

    private func checkObject(
        _ members: [JSONNode.Member], _ keyword: String, _ rule: JSONNode, _ schema: JSONNode
    ) throws -> Bool {
        let keys = members.map(\.key)
        switch keyword {
        case "required": return (rule.elements ?? []).allSatisfy { keys.contains($0.text ?? "") }
        case "properties":
            return try members.allSatisfy { member in try rule[member.key].map { try check(member.node, $0) } ?? true }
        case "additionalProperties":
            return try members.allSatisfy { member in
                try schema["properties"]?[member.key] != nil || check(member.node, rule)
            }
        case "propertyNames":
            return try members.allSatisfy { member in
                try check(JSONNode(value: .string(member.key), position: member.position), rule)
            }
        case "maxProperties": return Double(Set(keys).count) <= rule.double ?? .nan
        case "minProperties": return Double(Set(keys).count) >= rule.double ?? .nan
        default:
            return (rule.members ?? []).allSatisfy { dependency in
                !keys.contains(dependency.key)
                    || (dependency.node.elements ?? []).allSatisfy { keys.contains($0.text ?? "") }
            }
        }
    }

    private func checkText(_ text: String, _ keyword: String, _ rule: JSONNode) throws -> Bool {
        switch keyword {
        case "minLength": return Double(text.unicodeScalars.count) >= rule.double ?? .nan
        case "maxLength": return Double(text.unicodeScalars.count) <= rule.double ?? .nan
        default:
            return try patterns.pattern(rule.text ?? "").firstMatch(in: text) != nil
        }
    }

    private func checkArray(_ elements: [JSONNode], _ keyword: String, _ rule: JSONNode) throws -> Bool {
        switch keyword {
        case "items": return try elements.allSatisfy { try check($0, rule) }
        case "minItems": return Double(elements.count) >= rule.double ?? .nan
        case "maxItems": return Double(elements.count) <= rule.double ?? .nan
        default:
            return elements.indices.allSatisfy { index in
                !elements[..<index].contains { $0.isEqual(to: elements[index]) }
            }
        }
    }
}

/// Keeps compiled patterns: compiling one takes longer than a whole check.
private final class PatternCache {
    private var patterns: [String: Regex<AnyRegexOutput>] = [:]

    func pattern(_ text: String) throws -> Regex<AnyRegexOutput> {
        if let known = patterns[text] { return known }
        let pattern = try Regex(text).matchingSemantics(.unicodeScalar)
        patterns[text] = pattern
        return pattern
    }
}

/// A word or a reference of the schema that the validator does not know.
struct UnknownSchema: Error {
    let text: String
}

extension JSONNode {
    /// The value of a key; of a repeated key the last one.
    subscript(key: String) -> JSONNode? { members?.last { $0.key == key }?.node }

    var elements: [JSONNode]? {
        guard case .array(let elements) = value else { return nil }
        return elements
    }

    var text: String? {
        guard case .string(let text) = value else { return nil }
        return text
    }

    var double: Double? {
        guard case .number(let text) = value else { return nil }
        return Double(text)
    }

    /// Whether two values are equal as JSON Schema says: numbers by what they stand for.
    func isEqual(to other: JSONNode) -> Bool {
        if let double { return double == other.double }
        return json == other.json
    }

    /// The value as JSON text.
    var json: String {
        switch value {
        case .object(let members):
            "{" + members.map { "\(JSONValue.quoted($0.key)):\($0.node.json)" }.joined(separator: ",") + "}"
        case .array(let elements): "[" + elements.map(\.json).joined(separator: ",") + "]"
        case .string(let text): JSONValue.quoted(text)
        case .number(let text): text
        case .bool(let flag): "\(flag)"
        case .null: "null"
        }
    }
}
