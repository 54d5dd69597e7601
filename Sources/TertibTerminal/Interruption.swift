import UnixSignals

/// Ctrl-C and SIGTERM, for verbs that run for long.
package enum Interruption {
    /// Runs `body`, and cancels it when the process is asked to stop. Returns `nil` when that was so, after `body` has
    /// ended.
    package static func cancelling<Result: Sendable>(
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

    /// What shells say of a process that a signal has ended: 128 and the signal's number.
    package struct Stopped: Hashable, Sendable {
        package let status: Int32
    }

    private enum Event<Result: Sendable>: Sendable {
        case result(Result)
        case stopped(Stopped)
    }

    /// Runs `body`, and cancels it when the process is asked to stop; what it comes to then counts all the same.
    /// Returns that, and whether and how it was stopped.
    package static func stopping<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> (result: Result, stopped: Stopped?) {
        return try await withThrowingTaskGroup(of: Event<Result>.self) { group in
            group.addTask { .result(try await body()) }
            group.addTask {
                for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                    return .stopped(Stopped(status: signal == .sigint ? 130 : 143))
                }
                throw CancellationError()
            }
            var stopped: Stopped?
            while let event = try await group.next() {
                group.cancelAll()
                switch event {
                case .stopped(let how): stopped = how
                case .result(let result): return (result, stopped)
                }
            }
            throw CancellationError()
        }
    }
}
