import TertibRuntime

/// One interleaving on one database.
struct PermutationRun: Sendable {
    /// What was seen.
    struct Outcome: Hashable, Sendable {
        var stories: [PermutationSession.Story]
        var state: [String]

        /// Whether the database has ended a transaction in favour of another one.
        var hasConflict: Bool { stories.contains { $0.end == "failed: conflict" } }

        /// Whether two transactions waited at once: who of them goes first may be chance.
        var isQueue: Bool { stories.contains(where: \.isBehindAnother) }
    }

    private let sessions: [PermutationSession]
    private let database: PermutationDatabase
    /// How often a step is looked at before it is believed to wait, and for how long.
    private static let moment: Duration = .milliseconds(4)
    private static let limit: Duration = .seconds(60)

    /// Plays a script in one order of its turns.
    static func outcome(
        of script: PermutationScript, in order: [Int], on database: PermutationDatabase
    ) async throws -> Outcome {
        let stores = try await database.empty()
        precondition(stores.count >= script.transactions.count, "a store for each transaction")
        for (number, steps) in script.setup.enumerated() {
            try await stores[0].transaction { transaction in
                var actor = try PermutationActor("setup-\(number)")
                for step in steps { _ = try actor.take(step, in: transaction) }
            }
        }
        let run = PermutationRun(
            sessions: script.transactions.indices.map { index in
                PermutationSession(PermutationWords.ordinal(index), script.transactions[index], in: stores[index])
            }, database: database)
        try await run.play(order)
        return Outcome(stories: run.sessions.map(\.story), state: try await PermutationWords.state(of: stores[0]))
    }

    /// Each turn in its order. One that comes while its transaction waits is taken when it waits no more.
    private func play(_ order: [Int]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for session in sessions { group.addTask { await session.run() } }
            do {
                var turns = order
                while !turns.isEmpty {
                    let turn = turns.removeFirst()
                    let session = sessions[turn]
                    if session.isOver { continue }
                    if session.isHeld {
                        turns.append(turn)
                    } else {
                        try await take(session)
                    }
                }
            } catch {
                for session in sessions { session.letGo() }
                throw error
            }
            try await group.waitForAll()
        }
    }

    private var held: [PermutationSession] { sessions.filter(\.isHeld) }

    /// Begins a turn, and comes back when it has ended or waits for another transaction; and when those who have waited,
    /// and need not any more, have ended their turns too.
    private func take(_ session: PermutationSession) async throws {
        session.begin()
        try await until("a turn of \(session.name) to end") {
            if try await session.hasEnded(within: Self.moment) { return true }
            // Of those that wait for each other the database ends one.
            guard sessions.contains(where: { $0 !== session && $0.isOpen && !$0.isHeld }), try await waits(session)
            else { return false }
            // Some locks are held for a moment only.
            if try await session.hasEnded(within: Self.moment) { return true }
            guard try await waits(session) else { return false }
            session.hold(isBehindAnother: !held.isEmpty)
            return true
        }
        try await until("those who have waited to go on") {
            for other in held where other !== session {
                if try await other.hasEnded(within: Self.moment) { other.release() }
            }
            if held.allSatisfy({ $0 === session }) { return true }
            guard sessions.contains(where: { $0.isOpen && !$0.isHeld }) else { return false }
            return try await database.waiting() >= held.count
        }
    }

    private func waits(_ session: PermutationSession) async throws -> Bool {
        if database.claimsEndByThemselves, session.isClaiming { return false }
        return try await database.waiting() > held.count
    }

    private func until(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + Self.limit
        while !(try await condition()) {
            guard ContinuousClock.now < deadline else { throw EventuallyError(missing: what, limit: Self.limit) }
        }
    }
}
