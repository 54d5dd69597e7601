/// How the value of a setting is written: how it is read, and how it is shown and explained.
struct Form<Value: Sendable>: Sendable {
    /// What is expected, as in `expected a whole number from 1 to 1024`.
    let expected: String
    /// A value, as JSON, that can be written.
    let example: String
    /// Whether what was found must not be told.
    var hidesWhatIsFound = false
    /// Reads a value of the file.
    let read: @Sendable (JSONNode) throws(Mismatch) -> Value
    /// Writes a value as JSON.
    let show: @Sendable (Value) -> String
}

/// Why a value of the file cannot be the value of its setting.
struct Mismatch: Error {
    let code: ConfigurationProblem.Code
    /// The rest of a sentence that begins with the setting's path.
    let problem: String
    /// What to do, when there is something better to say than the form's example.
    var advice: String?
    /// Why, when "expected this and found that" would not say it.
    var reason: String?

    static let wrongType = Mismatch(code: .wrongType, problem: "has the wrong type")

    static func invalid(_ problem: String, advice: String? = nil) -> Mismatch {
        Mismatch(code: .invalidValue, problem: problem, advice: advice)
    }

    /// The value belongs to a feature that this version does not have.
    static func notYet(_ problem: String, advice: String) -> Mismatch {
        Mismatch(code: .notYet, problem: problem, advice: advice, reason: whyNotYet)
    }

    /// Why a setting is refused that would not do anything.
    static let whyNotYet = "a setting that would have no effect is refused, so that nobody relies on it"
}
