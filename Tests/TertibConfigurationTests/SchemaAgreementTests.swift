import Foundation
import Testing
import TertibCore

@testable import TertibConfiguration

@Suite("The JSON Schema and the reader")
struct SchemaAgreementTests {
    let schema: SchemaValidator
    let workspace: Workspace

    init() throws {
        schema = SchemaValidator(
            root: try JSONNode.parse(try FileAccess.read(Repository.path("docs/configuration.schema.json"))))
        workspace = try Workspace()
        try workspace.writeNamedFiles()
    }

    /// Mistakes that a schema cannot express: repeated keys, the bounds of durations, files, and combinations.
    static let beyondSchema: Set<String> = [
        "repeated key", "repeated section", "type published twice", "consumer twice",
        "endless duration", "too short a wait", "no hold",
        "credentials that do not exist", "password in place of its file", "folder as token", "missing authorities",
        "folder as database", "missing folder", "database's password that does not exist",
        "password in a variable that is not set", "password in a variable that is empty",
        "inbox in the namespace", "TLS not required, with tls://", "hold beyond half the wait", "limit below hold",
        "delays in disorder", "first delay beyond the default of the last", "parked limits in disorder",
        "pending below a batch",
    ]

    @Test("both accept a good configuration", arguments: GoodFiles.all)
    func acceptGood(file: GoodFile) throws {
        _ = try workspace.read(file.text)
        #expect(try schema.accepts(try JSONNode.parse(Array(file.text.utf8))))
    }

    @Test("both refuse a mistake, unless no schema could", arguments: BadFiles.all.filter { $0.code != .syntax })
    func refuseBad(file: BadFile) throws {
        let isAccepted = try schema.accepts(try JSONNode.parse(Array(file.content.utf8)))
        #expect(isAccepted == Self.beyondSchema.contains(file.name))
    }

    @Test("agree on every setting with every kind of value in its place")
    func agreeOnReplacements() throws {
        let root = try JSONNode.parse(Array(GoodFiles.everything.utf8))
        let bounds = [1, 3, 5, 64, 1000, 1024, 16_384, 1_000_000, 100_000_000]
        let values =
            bounds.flatMap { ["\($0)", "\($0 + 1)"] } + [
                "null", "true", "false", "0", "-1", "1.5", "1e2", "5000000000", "9223372036854775808", "\"\"", "\"x\"",
                "\"X\"", "\"strict\"", "\"1s\"", "\"s\"", "\"1s1m\"", "\"1m 1s\"", "\"a.b\"", "\"a\\n\"", "\"\\u0000\"",
                "\"ä\"", "\"-\"", "\"10s\"", "\"10000ms\"", "[]", "[1]", "[\"nats://a\"]", "{}", "{\"x\":1}",
                "\"" + String(repeating: "a", count: 64) + "\"", "\"" + String(repeating: "a", count: 65) + "\"",
                "\"" + String(repeating: "a", count: 4097) + "\"",
            ] as [String]
        var count = 0
        for edit in root.edits(replacingWith: try values.map { try JSONNode.parse(Array($0.utf8)) }) {
            try expectAgreement(on: edit)
            count += 1
        }
        #expect(count > 2000)
    }

    /// Expects the same answer from both, except where every reason of the reader's is beyond a schema.
    private func expectAgreement(on node: JSONNode) throws {
        let isAccepted = try schema.accepts(node)
        do {
            _ = try workspace.read(node.json)
            #expect(isAccepted, "the reader accepts, the schema does not: \(node.json)")
        } catch {
            guard isAccepted else { return }
            let others = error.problems.filter { problem in
                let isDuration = problem.problem == "is out of range" && problem.reason.contains("a duration")
                let isSpelling = problem.reason.contains("whole number") && problem.reason.hasSuffix("found 1e2")
                let isFolder = problem.path == "$.store.path" && problem.problem.contains("folder")
                return ![.contradiction, .unreadable].contains(problem.code) && !isDuration && !isSpelling && !isFolder
            }
            #expect(others.isEmpty, "the schema accepts, the reader does not: \(node.json)")
        }
    }

    @Test("name the same defaults")
    func nameTheSameDefaults() throws {
        let settings = try workspace.read(Sample.consumer("{}")).settings.filter { $0.origin == .default }
        // What has no default of its own in the schema: it depends on the rest of the file, or is an absent section.
        let withoutDefault = [
            "$.nats.authentication.kind": "\"none\"", "$.nats.tls.required": "false",
            "$.consumers.orders.aggregates": "\"all\"",
        ]
        #expect(settings.count == 26)
        for setting in settings {
            let node = try subschema(at: setting.path)
            #expect(node["default"]?.json ?? withoutDefault[setting.path] == setting.value, "\(setting.path)")
        }
    }

    private func subschema(at path: String) throws -> JSONNode {
        var node = schema.root
        for step in path.dropFirst(2).split(separator: ".") {
            let target = try schema.resolve(node)
            let alternatives = [target] + (target["oneOf"]?.elements ?? [])
            node = try #require(
                alternatives.lazy.compactMap { $0["properties"]?[String(step)] }.first
                    ?? target["additionalProperties"])
        }
        return node
    }

    @Test("the schema uses no word that this test does not check, and describes every setting")
    func isChecked() throws {
        try expectKnownWords(in: schema.root)
    }

    private func expectKnownWords(in node: JSONNode) throws {
        let known = SchemaValidator.annotations.union(SchemaValidator.assertions)
        for member in node.members ?? [] {
            #expect(known.contains(member.key), "\(member.key) in line \(member.position.line)")
            switch member.key {
            case "properties", "$defs":
                for property in member.node.members ?? [] {
                    try expectKnownWords(in: property.node)
                    let isDescribed =
                        try property.node["description"] != nil
                        || schema.resolve(property.node)["description"] != nil || property.node.isFixed
                    let isPattern = member.key == "$defs"
                    #expect(isDescribed || isPattern, "\(property.key) in line \(property.position.line)")
                }
            case "additionalProperties", "propertyNames", "items", "not": try expectKnownWords(in: member.node)
            case "oneOf", "anyOf": try (member.node.elements ?? []).forEach(expectKnownWords)
            default: break
            }
        }
    }
}

extension JSONNode {
    /// Whether a schema allows one value, or none: then there is nothing to describe.
    fileprivate var isFixed: Bool {
        if case .bool = value { return true }
        return self["const"] != nil
    }

    /// Copies of this value, each with one part replaced by one of `values`, removed, or given one more key.
    fileprivate func edits(replacingWith values: [JSONNode]) -> [JSONNode] {
        var edits = values
        switch value {
        case .object(let members):
            for (index, member) in members.enumerated() {
                for node in member.node.edits(replacingWith: values) {
                    var changed = members
                    changed[index] = Member(key: member.key, position: member.position, node: node)
                    edits.append(JSONNode(value: .object(changed), position: position))
                }
                var shorter = members
                shorter.remove(at: index)
                edits.append(JSONNode(value: .object(shorter), position: position))
            }
            for key in ["x", "X y", "http", ""] {
                let extra = Member(key: key, position: position, node: JSONNode(value: .object([]), position: position))
                edits.append(JSONNode(value: .object(members + [extra]), position: position))
            }
        case .array(let elements):
            for index in elements.indices {
                for node in elements[index].edits(replacingWith: values) {
                    var changed = elements
                    changed[index] = node
                    edits.append(JSONNode(value: .array(changed), position: position))
                }
            }
        case .string, .number, .bool, .null: break
        }
        return edits
    }
}
