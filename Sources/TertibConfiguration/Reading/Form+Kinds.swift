import TertibRuntime
import TertibCore

extension Form where Value == Int {
    /// A whole number, written with digits only.
    static func integer(_ bounds: ClosedRange<Int>, example: Int) -> Form {
        Form(
            expected: "a whole number from \(bounds.lowerBound) to \(bounds.upperBound)", example: "\(example)",
            read: { node throws(Mismatch) in
                guard case .number(let text) = node.value else {
                    guard case .string(let text) = node.value, Int(text) != nil else { throw .wrongType }
                    throw Mismatch(code: .wrongType, problem: "has the wrong type", advice: "write it without quotes")
                }
                guard let number = Int(text) else {
                    throw .invalid(
                        text.utf8.contains { $0 | 0x20 == UInt8(ascii: "e") || $0 == UInt8(ascii: ".") }
                            ? "is not a whole number written with digits only" : "is out of range")
                }
                guard bounds.contains(number) else { throw .invalid("is out of range") }
                return number
            }, show: { "\($0)" })
    }
}

extension Form where Value == Bool {
    /// `true` or `false`.
    static let boolean = Form(
        expected: "true or false", example: "true",
        read: { node throws(Mismatch) in
            guard case .bool(let flag) = node.value else { throw .wrongType }
            return flag
        }, show: { "\($0)" })
}

extension Form where Value == Duration {
    /// A duration with units.
    static func duration(_ bounds: ClosedRange<Duration>, example: Duration) -> Form {
        let limits = "from \(DurationText.text(bounds.lowerBound)) to \(DurationText.text(bounds.upperBound))"
        return Form(
            expected: "a duration \(limits), in whole h, m, s and ms", example: "\"\(DurationText.text(example))\"",
            read: { node throws(Mismatch) in
                guard case .string(let text) = node.value else {
                    guard case .number(let number) = node.value, let count = Int(number), count > 0 else {
                        throw .wrongType
                    }
                    throw Mismatch(
                        code: .wrongType, problem: "has no unit",
                        advice: "write it as text with a unit, such as \"\(count)ms\" or \"\(count)s\"")
                }
                guard let duration = DurationText.parse(text) else {
                    if !text.isEmpty, text.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }), text.utf8.count < 16 {
                        throw .invalid("has no unit", advice: "write \"\(text)ms\" or \"\(text)s\"")
                    }
                    throw .invalid("is not a duration")
                }
                guard bounds.contains(duration) else { throw .invalid("is out of range") }
                return duration
            }, show: { "\"\(DurationText.text($0))\"" })
    }
}

extension Form where Value == String {
    /// A text that passes `check`, which returns the rest of a sentence such as `must not be empty` if it does not.
    static func text(
        _ expected: String, example: String, hidesWhatIsFound: Bool = false,
        check: @escaping @Sendable (String) -> String?
    ) -> Form {
        Form(
            expected: expected, example: JSONValue.quoted(example), hidesWhatIsFound: hidesWhatIsFound,
            read: { node throws(Mismatch) in
                guard case .string(let text) = node.value else { throw .wrongType }
                if let problem = check(text) { throw .invalid(problem) }
                return text
            }, show: JSONValue.quoted)
    }

    /// The path of a file; a relative one starts at `directory`.
    static func path(in directory: String, example: String) -> Form {
        Form(
            expected: "the path of a file, relative to this one or absolute", example: JSONValue.quoted(example),
            read: { node throws(Mismatch) in
                guard case .string(let text) = node.value else { throw .wrongType }
                guard (1...4096).contains(text.unicodeScalars.count) else {
                    throw .invalid(text.isEmpty ? "is empty" : "is longer than 4096 characters")
                }
                if text.utf8.contains(0) { throw .invalid("contains U+0000") }
                return FileAccess.resolve(text, in: directory)
            }, show: JSONValue.quoted)
    }
}

extension Form where Value: BytewiseText {
    /// A name with a pattern of its own.
    static func name(_ expected: String, example: String) -> Form {
        Form(
            expected: expected, example: JSONValue.quoted(example),
            read: { node throws(Mismatch) in
                guard case .string(let text) = node.value else { throw .wrongType }
                do throws(IdentityError) {
                    return try Value(text)
                } catch {
                    throw .invalid(error.problem)
                }
            }, show: { JSONValue.quoted($0.text) })
    }
}

extension Form where Value: RawRepresentable, Value.RawValue == String {
    /// One of `values`; `later` are words of features that this version does not have.
    static func choice(_ values: [Value], later: [String] = []) -> Form {
        let built = values.map(\.rawValue)
        let expected = built.map(JSONValue.quoted).joined(separator: ", ")
        return Form(
            expected: built.count == 1 ? expected : "one of \(expected)", example: JSONValue.quoted(built.first ?? ""),
            read: { node throws(Mismatch) in
                guard case .string(let text) = node.value else { throw .wrongType }
                if built.contains(text), let value = Value(rawValue: text) { return value }
                if later.contains(text) {
                    throw .notYet(
                        "is \(QuotedText.quote(text)), which this version does not have yet",
                        advice: "use \(built.map(JSONValue.quoted).joined(separator: " or "))")
                }
                let nearest = NearestName.nearest(to: text, among: built)
                throw .invalid("is not a known word", advice: nearest.map { "did you mean \(JSONValue.quoted($0))?" })
            }, show: { JSONValue.quoted($0.rawValue) })
    }
}

extension Form where Value: Equatable {
    /// A setting of a feature that this version does not have: only its default is accepted, in
    /// its shortest spelling (so that the JSON Schema can say the same).
    func later(except value: Value) -> Form {
        let text = show(value)
        return Form(
            expected: text, example: text,
            read: { node throws(Mismatch) in
                guard try read(node) == value, node.shown == text else {
                    throw .notYet(
                        "cannot be changed yet: this version does not have the feature",
                        advice: "leave it out, or write the default \(text)")
                }
                return value
            }, show: show)
    }
}
