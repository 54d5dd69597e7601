extension ConsumerStore {
    /// Runs a transaction again, with jitter, while it conflicts with a neighbour: at most 20 times.
    func transactionRetryingConflicts<Result: Sendable>(
        _ context: RuntimeContext, _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        var attempts = 0
        while true {
            do {
                return try await transaction(body)
            } catch let error as StoreError where error.code == .conflict && attempts < 20 {
                attempts += 1
                let bound = Duration.milliseconds(1) * (1 << min(attempts, 7))
                try await context.time.sleep(for: context.jitter(upTo: bound))
            }
        }
    }
}
