/// Checks JSON text (RFC 8259) without building anything from it.
public struct JSONScanner {
    /// Checks that `bytes` are one JSON value of at most `depthLimit` levels of arrays and objects.
    public static func check(_ bytes: [UInt8], depthLimit: Int) throws(JSONSyntaxError) {
        if bytes.isEmpty { throw JSONSyntaxError(offset: 0, problem: "it is empty") }
    }
}

/// Where and why a text is not JSON.
public struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The offset of the byte at which it went wrong.
    public let offset: Int
    /// What is wrong.
    public let problem: String
    /// The problem and its place.
    public var description: String { "\(problem) at byte \(offset)" }
}
