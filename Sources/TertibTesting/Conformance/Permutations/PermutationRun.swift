import Tertib

/// One interleaving on one database.
struct PermutationRun: Sendable {
    /// What was seen.
    struct Outcome: Hashable, Sendable {
        var first: PermutationSession.Story
        var second: PermutationSession.Story
        var state: [String]

        /// Whether the database has ended a transaction in favour of the other one.
        var hasConflict: Bool { [first, second].contains { $0.end == "failed: conflict" } }
    }

    private let sessions: [PermutationSession]
    private let database: PermutationDatabase
    /// How often a step is looked at before it is believed to wait, and for how long.
    private static let moment: Duration = .milliseconds(4)
    private static let limit: Duration = .seconds(60)

    /// Plays a script in one order of its turns.
    static func outcome(
        of script: PermutationScript, in order: [Bool], on database: PermutationDatabase
    ) async throws -> Outcome {
        let stores = try await database.empty()
        for (number, steps) in script.setup.enumerated() {
            try await stores.first.transaction { transaction in
                var actor = try PermutationActor("setup-\(number)")
                for step in steps { _ = try actor.take(step, in: transaction) }
            }
        }
        let run = PermutationRun(
            sessions: [
                PermutationSession("first", script.first, in: stores.first),
                PermutationSession("second", script.second, in: stores.second),
            ], database: database)
        try await run.play(order)
        return Outcome(
            first: run.sessions[0].story, second: run.sessions[1].story,
            state: try await PermutationWords.state(of: stores.first))
    }

    /// Each turn in its order. One that comes while its transaction waits is taken when it waits no more.
    private func play(_ order: [Bool]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for session in sessions { group.addTask { await session.run() } }
            do {
                var turns = order
                while !turns.isEmpty {
                    let turn = turns.removeFirst()
                    let (session, other) = turn ? (sessions[1], sessions[0]) : (sessions[0], sessions[1])
                    if session.isOver { continue }
                    if session.isHeld {
                        turns.append(turn)
                    } else {
                        try await take(session, other)
                    }
                }
            } catch {
                for session in sessions { session.letGo() }
                throw error
            }
            try await group.waitForAll()
        }
    }

    /// Begins a turn, and comes back when it has ended or waits for the other transaction; and when the other one, if it
    /// has waited for this one and need not any more, has ended its turn too.
    private func take(_ session: PermutationSession, _ other: PermutationSession) async throws {
        session.begin()
        try await until("a turn of \(session.name) to end") {
            if try await session.hasEnded(within: Self.moment) { return true }
            // Of two that wait for each other the database ends one.
            guard other.isOpen, !other.isHeld, try await waits(session) else { return false }
            // Some locks are held for a moment only.
            if try await session.hasEnded(within: Self.moment) { return true }
            guard try await waits(session) else { return false }
            session.hold()
            return true
        }
        guard other.isHeld else { return }
        try await until("\(other.name) to go on") {
            if try await other.hasEnded(within: Self.moment) {
                other.release()
                return true
            }
            guard session.isOpen else { return false }
            return try await database.isWaiting()
        }
    }

    private func waits(_ session: PermutationSession) async throws -> Bool {
        if database.claimsEndByThemselves, session.isClaiming { return false }
        return try await database.isWaiting()
    }

    private func until(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + Self.limit
        while !(try await condition()) {
            guard ContinuousClock.now < deadline else { throw EventuallyError(missing: what, limit: Self.limit) }
        }
    }
}
