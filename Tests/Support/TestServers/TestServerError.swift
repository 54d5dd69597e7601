/// Why a test's surroundings could not be set up, or what it waited for in vain.
public struct TestServerError: Error, CustomStringConvertible {
    /// What happened.
    public let description: String

    /// Creates an error.
    public init(_ description: String) {
        self.description = description
    }
}

/// Waits until `condition` holds, asking every few milliseconds: servers and processes of other people tell nobody when
/// they have come to where a test waits for them.
/// - Throws: ``TestServerError`` that names `what` when it does not hold within `limit`.
public func waitUntil(
    _ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while !(try await condition()) {
        guard ContinuousClock.now < deadline else { throw TestServerError("waited \(limit) in vain for \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}
