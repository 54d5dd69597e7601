import TertibRuntime

/// One sentence of a port's contract, and the code that finds out whether an implementation keeps it.
///
/// Each check wants a fixture of its own on an empty broker or database. It throws ``ConformanceFailure`` when the
/// contract is broken, or whatever error the implementation threw where it should not have.
public struct ConformanceCheck<Fixture: Sendable>: Sendable, CustomStringConvertible {
    /// The sentence.
    public let name: String
    private let body: @Sendable (Fixture) async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (Fixture) async throws -> Void) {
        self.name = name
        self.body = body
    }

    /// Runs the check once.
    public func run(on fixture: Fixture) async throws {
        try await body(fixture)
    }

    /// The sentence.
    public var description: String { name }
}

/// What a conformance check expected, and what it found instead.
///
/// It is an ordinary error, so that a check can be called from any test framework.
public struct ConformanceFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What should have been so.
    public let expected: String
    /// What was so.
    public let found: String
    /// Where in the suite: file and line.
    public let place: String

    /// Creates a failure.
    public init(expected: String, found: String, place: String) {
        self.expected = expected
        self.found = found
        self.place = place
    }

    /// Expectation, finding and place.
    public var description: String { "expected \(expected), found \(found) (\(place))" }
}

/// The words in which a check states what it expects.
enum Expect {
    static func that(
        _ condition: Bool, _ expected: String, found: @autoclosure () -> String = "otherwise",
        file: StaticString = #fileID, line: UInt = #line
    ) throws {
        guard condition else {
            throw ConformanceFailure(expected: expected, found: found(), place: "\(file):\(line)")
        }
    }

    static func equal<Value: Equatable>(
        _ found: Value, _ expected: Value, _ what: String, file: StaticString = #fileID, line: UInt = #line
    ) throws {
        try that(
            found == expected, "\(what) to be \(expected)", found: "\(found)", file: file, line: line)
    }

    static func some<Value>(
        _ value: Value?, _ what: String, file: StaticString = #fileID, line: UInt = #line
    ) throws -> Value {
        guard let value else {
            throw ConformanceFailure(expected: what, found: "nothing", place: "\(file):\(line)")
        }
        return value
    }

    /// Expects that `body` throws an error of type `Failure`, and returns it.
    static func failure<Failure: Error>(
        _ type: Failure.Type, _ what: String, file: StaticString = #fileID, line: UInt = #line,
        _ body: () async throws -> Void
    ) async throws -> Failure {
        do {
            try await body()
        } catch let failure as Failure {
            return failure
        } catch {
            throw ConformanceFailure(expected: what, found: "\(error)", place: "\(file):\(line)")
        }
        throw ConformanceFailure(expected: what, found: "no error", place: "\(file):\(line)")
    }

    /// Expects, inside a transaction's body, that `body` throws a ``StoreError`` with this code.
    static func storeFailure(
        _ code: StoreError.Code, _ what: String, file: StaticString = #fileID, line: UInt = #line,
        _ body: () throws -> Void
    ) throws {
        do {
            try body()
        } catch let failure as StoreError {
            try equal(failure.code, code, what, file: file, line: line)
            return
        }
        throw ConformanceFailure(expected: what, found: "no error", place: "\(file):\(line)")
    }
}
