public import ServiceLifecycle
public import Tertib

/// Plays a workload through the service's own transactions, together with the service's other replicas: a row in the
/// database says how far they are, and moves in the transaction of the steps, so that each step is played exactly once
/// whoever is killed in the middle.
public struct LoadLoop: Service {
    private let tertib: EventBus
    private let name: String
    private let total: Int
    private let rate: Int
    private let step: @Sendable (Int, HandlerTransaction) throws -> Void

    /// At most so many steps share a transaction: a burst.
    private static let longestBurst = 12

    /// Creates a loop.
    /// - Parameter name: which row of `load_progress` says how far it is.
    /// - Parameter rate: at most so many steps a second, in this replica.
    /// - Parameter step: plays one step, by its number from 0.
    public init(
        tertib: EventBus, name: String, total: Int, rate: Int,
        step: @escaping @Sendable (Int, HandlerTransaction) throws -> Void
    ) {
        self.tertib = tertib
        self.name = name
        self.total = total
        self.rate = rate
        self.step = step
    }

    /// The table that says how far the loops are.
    public static let schema = "CREATE TABLE IF NOT EXISTS load_progress (name TEXT PRIMARY KEY, done BIGINT NOT NULL)"

    /// Plays until the workload is done, then waits for the end.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                try await play()
                try await gracefulShutdown()
            } catch is CancellationError {
                return  // asked to stop: the others, or the next start, go on where this one ends
            }
        }
    }

    private func play() async throws {
        let name = name
        _ = try await tertib.transaction { transaction in
            try transaction.execute(
                "INSERT INTO load_progress (name, done) VALUES (?, 0) ON CONFLICT (name) DO NOTHING", name)
        }
        var next = ContinuousClock.now
        while true {
            let burst = Int.random(in: 1...Self.longestBurst)
            do {
                guard try await playBurst(of: burst) else { return }
            } catch let error as StoreError where error.isRetriable {
                // The database is full or away. The row says what was played, so the burst can be tried again.
                try await Task.sleep(for: .milliseconds(200))
            }
            // By the clock and not after each other, so that a slow machine plays as many.
            next += .seconds(Double(burst) / Double(rate))
            try await Task.sleep(until: next, clock: .continuous)
        }
    }

    /// Plays the next steps. Returns whether there may be more.
    private func playBurst(of burst: Int) async throws -> Bool {
        let (name, total, step) = (name, total, step)
        return try await tertib.transaction { transaction in
            let rows = try transaction.query("SELECT done FROM load_progress WHERE name = ?", name)
            let done = Int(rows.first?["done"].integer ?? 0)
            let next = min(total, done + burst)
            guard done < next else { return false }
            let moved = try transaction.execute(
                "UPDATE load_progress SET done = ? WHERE name = ? AND done = ?", next, name, done)
            guard moved == 1 else { return true }  // a neighbour plays these
            for number in done..<next { try step(number, transaction) }
            return true
        }
    }
}
