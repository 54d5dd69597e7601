import UnixSignals

/// Ctrl-C and SIGTERM, for verbs that run for long.
enum Interruption {
    /// Runs `body`, and cancels it when the process is asked to stop. Returns `nil` when that was so, after `body` has
    /// ended.
    static func cancelling<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result? {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return nil }
                return nil
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}
