import Foundation
import TertibCore

/// A variable of the environment that a setting names, because it holds a secret.
struct EnvironmentSecret {
    /// How a variable's name is written. What stands in its place may be the secret itself, and is never repeated.
    static let name = Form<String>(
        expected: "the name of an environment variable: A-Z, a-z, 0-9 and _, not beginning with a digit",
        example: #""ORDERS_PASSWORD""#, hidesWhatIsFound: true,
        read: { node throws(Mismatch) in
            guard case .string(let text) = node.value else { throw .wrongType }
            guard isName(text) else { throw .invalid("is not the name of an environment variable") }
            return text
        }, show: { JSONValue.quoted($0) })

    private static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        let isPlain = bytes.allSatisfy { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & ~0x20) || byte == UInt8(ascii: "_")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        let beginsWithDigit = bytes.first.map { $0 <= UInt8(ascii: "9") } ?? true
        return isPlain && !beginsWithDigit && bytes.count <= 128
    }

    /// The value of a variable in `environment`, which must be one line of text.
    /// - Throws: what is wrong with it, as the rest of a sentence that begins with the setting's path.
    static func value(of name: String, in environment: [String: String]) throws(Mismatch) -> String {
        guard let value = environment[name] else {
            throw .invalid("names an environment variable that is not set")
        }
        guard !value.isEmpty, value.utf8.count <= 4096, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw .invalid("names an environment variable that does not hold one line of text")
        }
        return value
    }
}
