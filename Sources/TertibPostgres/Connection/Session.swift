import Dispatch
import TertibRuntime

/// One connection with its thread: what is handed to it runs in the order of arrival, never on the cooperative pool.
///
/// - Note: `@unchecked Sendable`: `runner` is made on `queue`, and touched only by closures that run on that serial
///   queue.
final class Session: @unchecked Sendable {
    private let queue: DispatchQueue
    private var runner: StatementRunner?

    private init(_ queue: DispatchQueue) {
        self.queue = queue
    }

    /// Connects, and sets the session up.
    static func open(_ options: PostgresOptions) async throws(StoreError) -> Session {
        let session = Session(DispatchQueue(label: "tertib.postgres.connection"))
        try await session.connect(options).get()
        return session
    }

    /// Runs `body` on the connection's thread.
    ///
    /// A task that is cancelled waits all the same: the outcome of a transaction is always reported.
    /// - Returns: the outcome of the body, and whether the connection can be used again.
    func run<Success: Sendable>(
        _ body: @escaping @Sendable (StatementRunner) throws -> Success
    ) async -> (outcome: Result<Success, any Error>, isReusable: Bool) {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                guard let runner else {
                    let closed = StoreError(.unavailable, attempted: "use the database", reason: "it is closed")
                    return continuation.resume(returning: (.failure(closed), false))
                }
                let outcome = Result { try body(runner) }
                continuation.resume(returning: (outcome, runner.connection.isIdle))
            }
        }
    }

    /// Closes the connection, after what was handed to it.
    func close() async {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                runner = nil
                continuation.resume()
            }
        }
    }

    private func connect(_ options: PostgresOptions) async -> Result<Void, StoreError> {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                let connected = Result { () throws(StoreError) in try SessionSetup.connect(options) }
                if case .success(let runner) = connected { self.runner = runner }
                continuation.resume(returning: connected.map { _ in })
            }
        }
    }
}
