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
