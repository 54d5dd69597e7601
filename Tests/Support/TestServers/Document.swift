import Foundation

/// A JSON document, read without types.
public struct Document: Sendable, CustomStringConvertible {
    /// Its text.
    public let description: String

    /// Reads a document.
    /// - Throws: an error of Foundation's when it is no JSON.
    public init(_ text: String) throws {
        description = text
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    /// The value at a path of keys and indices, such as `consumers.0.lag`, as text; `nil` where there is none.
    public subscript(path: String) -> String? {
        guard let value = value(at: path) else { return nil }
        if let number = value as? NSNumber, String(cString: number.objCType) == "c" {
            return number.boolValue ? "true" : "false"
        }
        return value is NSNull ? "null" : "\(value)"
    }

    /// How many elements the list at a path has.
    public func count(_ path: String = "") -> Int? { (value(at: path) as? [Any])?.count }

    /// The keys of the object at a path.
    public func keys(_ path: String = "") -> Set<String>? { (value(at: path) as? [String: Any]).map { Set($0.keys) } }

    private func value(at path: String) -> Any? {
        // What was readable in `init` is readable here.
        guard
            var value = try? JSONSerialization.jsonObject(with: Data(description.utf8), options: .fragmentsAllowed)
        else { return nil }
        for part in path.split(separator: ".") {
            if let object = value as? [String: Any], let member = object[String(part)] {
                value = member
            } else if let array = value as? [Any], let index = Int(part), array.indices.contains(index) {
                value = array[index]
            } else {
                return nil
            }
        }
        return value
    }
}
