import TertibCore

/// An object of the file whose keys are known; one that is not in the file has no members.
struct Section {
    let context: ReadingContext
    let path: JSONPath
    /// Where the object begins; `nil` when it is not in the file.
    let position: TextPosition?
    private let members: [String: JSONNode.Member]

    /// The object at `node`, with a report for every key that is unknown or repeated, or belongs to a feature that
    /// this version does not have (`later`).
    /// - Returns: `nil`, with a report, if it is no object.
    init?(_ node: JSONNode?, at path: JSONPath, keys: [String], later: [String] = [], in context: ReadingContext) {
        self.init(any: node, at: path, in: context)
        for member in (node?.members ?? []) where !keys.contains(member.key) {
            if later.contains(member.key) {
                Self.reportLater(member, at: path, in: context)
            } else {
                Self.reportUnknown(member, keys: keys, at: path, in: context)
            }
        }
    }

    /// The object at `node`, whose keys are names that the caller checks; repeated keys are reported.
    /// - Returns: `nil`, with a report, if it is no object.
    init?(any node: JSONNode?, at path: JSONPath, in context: ReadingContext) {
        self.context = context
        self.path = path
        position = node?.position
        var members: [String: JSONNode.Member] = [:]
        if let node {
            guard let all = node.members else {
                context.report(
                    .wrongType, at: node.position, path, "has the wrong type",
                    reason: "expected an object, found \(node.shown)", advice: "write its settings in { }")
                return nil
            }
            for member in all {
                guard let first = members[member.key] else {
                    members[member.key] = member
                    continue
                }
                context.report(
                    .repeatedKey, at: member.position, path.member(member.key), "is there twice",
                    reason: "expected each key once, found it in line \(first.position.line) already",
                    advice: "remove one of the two")
            }
        }
        self.members = members
    }

    /// A section that is not in the file.
    static func empty(at path: JSONPath, in context: ReadingContext) -> Section {
        Section(context: context, path: path, position: nil, members: [:])
    }

    private init(
        context: ReadingContext, path: JSONPath, position: TextPosition?, members: [String: JSONNode.Member]
    ) {
        self.context = context
        self.path = path
        self.position = position
        self.members = members
    }

    /// The key of `member` as a name with a pattern of its own; `nil` after a report.
    func name<Name: BytewiseText>(_ member: JSONNode.Member, _ meaning: String, example: String) -> Name? {
        do {
            return try Name(member.key)
        } catch {
            context.report(
                .invalidValue, at: member.position, path.member(member.key), "is not \(meaning): it \(error.problem)",
                reason:
                    "expected \(meaning) such as \(JSONValue.quoted(example)), found \(QuotedText.quote(member.key))",
                advice: "choose another name")
            return nil
        }
    }

    /// Whether the file has the key.
    func has(_ key: String) -> Bool { members[key] != nil }

    /// Where the key's value stands in the file.
    func position(of key: String) -> TextPosition? { members[key]?.node.position }

    /// The members in the order of the file.
    var inOrder: [JSONNode.Member] { members.values.sorted { $0.position < $1.position } }

    /// The value of `key`, or the default: also after a report, so that reading goes on.
    func value<Value>(_ key: String, _ form: Form<Value>, default fallback: Value) -> Value {
        let path = path.member(key)
        guard let member = members[key] else {
            context.record(path, form.show(fallback), from: nil)
            return fallback
        }
        return context.read(member.node, at: path, form, defaultText: form.show(fallback)) ?? fallback
    }

    /// The value of a key that may be left out and has no default.
    func optional<Value>(_ key: String, _ form: Form<Value>) -> Value? {
        members[key].flatMap { context.read($0.node, at: path.member(key), form, defaultText: nil) }
    }

    /// The value of a key that must be there; `nil` after a report.
    func required<Value>(_ key: String, _ form: Form<Value>) -> Value? {
        guard let member = members[key] else {
            reportMissing(key, expected: form.expected, example: form.example)
            return nil
        }
        return context.read(member.node, at: path.member(key), form, defaultText: nil)
    }

    /// The object under `key`; one without members when it is not there, `nil` after a report.
    func section(_ key: String, keys: [String]) -> Section? {
        Section(members[key]?.node, at: path.member(key), keys: keys, in: context)
    }

    /// The object under `key`, whose keys are names; one without members when it is not there, `nil` after a report.
    func names(_ key: String) -> Section? {
        Section(any: members[key]?.node, at: path.member(key), in: context)
    }

    /// The object under a key that must be there; `nil` after a report.
    func requiredSection(_ key: String, keys: [String], example: String) -> Section? {
        guard has(key) else {
            reportMissing(key, expected: "an object", example: example)
            return nil
        }
        return section(key, keys: keys)
    }

    /// The value of `key` as it stands in the file.
    func node(_ key: String) -> JSONNode? { members[key]?.node }

    /// Reports that `key` is missing.
    func reportMissing(_ key: String, expected: String, example: String) {
        context.report(
            .missingKey, at: position, path.member(key), "is missing", reason: "expected \(expected), found nothing",
            advice: "add \(JSONValue.quoted(key)): \(example)")
    }

    /// Reports that two settings exclude each other, at the first of `keys` that the file has.
    func reportContradiction(of keys: [String], _ problem: String, reason: String, advice: String) {
        let key = keys.first(where: has) ?? keys.first
        context.report(
            .contradiction, at: key.flatMap(position(of:)) ?? position, key.map(path.member) ?? path, problem,
            reason: reason, advice: advice)
    }

    private static func reportLater(_ member: JSONNode.Member, at path: JSONPath, in context: ReadingContext) {
        context.report(
            .notYet, at: member.position, path.member(member.key), "is not there yet: this version lacks the feature",
            reason: Mismatch.whyNotYet, advice: "remove it")
    }

    private static func reportUnknown(
        _ member: JSONNode.Member, keys: [String], at path: JSONPath, in context: ReadingContext
    ) {
        let nearest = NearestName.nearest(to: member.key, among: keys)
        context.report(
            .unknownKey, at: member.position, path.member(member.key), "is not a setting",
            reason: "expected one of \(keys.joined(separator: ", ")), found \(QuotedText.quote(member.key))",
            advice: nearest.map { "did you mean \(JSONValue.quoted($0))?" } ?? "remove it")
    }
}

extension JSONNode {
    /// The members of an object.
    var members: [Member]? {
        guard case .object(let members) = value else { return nil }
        return members
    }
}
