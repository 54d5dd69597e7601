#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A plan cannot be read, or has a value that makes no sense: which one, and what is allowed.
public struct SimulationPlanError: Error, Hashable, Sendable, CustomStringConvertible, LocalizedError {
    /// Which value of the plan, such as `events[2].version`; empty for all of it.
    public let field: String
    /// What is wrong with it.
    public let reason: String

    init(field: String, reason: String) {
        self.field = field
        self.reason = reason
    }

    /// Which value is wrong, and why.
    public var description: String { field.isEmpty ? "the plan \(reason)" : "\(field) of the plan \(reason)" }

    /// The same.
    public var errorDescription: String? { description }
}

extension SimulationPlanError {
    /// Says in words what could not be decoded.
    init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            self.init(field: Self.path(context.codingPath + [key]), reason: "is missing")
        case .valueNotFound(let type, let context):
            self.init(field: Self.path(context.codingPath), reason: "is null, not \(Self.words(type))")
        case .typeMismatch(let type, let context):
            self.init(field: Self.path(context.codingPath), reason: "is not \(Self.words(type))")
        case .dataCorrupted(let context) where context.codingPath.isEmpty:
            self.init(field: "", reason: "is not JSON")
        case .dataCorrupted(let context):
            let field = Self.path(context.codingPath)
            self.init(field: field, reason: Self.choices(field).map { "is none of \($0)" } ?? context.debugDescription)
        @unknown default: self.init(field: "", reason: "cannot be read: \(error)")
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        var path = ""
        for key in keys {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += (path.isEmpty ? "" : ".") + key.stringValue
            }
        }
        return path
    }

    private static func words(_ type: any Any.Type) -> String {
        switch type {
        case is Int.Type, is UInt64.Type: "a whole number"
        case is Double.Type: "a number"
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is any Collection.Type: "a list"
        default: "an object"
        }
    }

    /// The values of a field that has only a few.
    private static func choices(_ field: String) -> String? {
        let names: [String]
        switch field.filter({ !$0.isNumber }) {
        case "disturbances[].kind": names = Disturbance.Kind.allCases.map(\.rawValue)
        case "events[].kind": names = ["event", "fork", "malformed", "ignored"]
        case "failing[].way": names = ["beforeItsWrites", "whileParked"]
        case "options.isolation": names = ["readCommitted", "serial"]
        default: return nil
        }
        return names.joined(separator: ", ")
    }
}
