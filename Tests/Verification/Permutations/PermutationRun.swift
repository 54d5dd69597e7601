import Synchronization
import TertibRuntime
import TertibTesting

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
                for session in sessions { session.releaseAll() }
                throw error
            }
            try await group.waitForAll()
        }
    }

    private var held: [PermutationSession] { sessions.filter(\.isHeld) }

    /// Begins a turn, and returns when it has ended or waits for another transaction; and when transactions that have
    /// waited, and need not any more, have ended their turns too.
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
        try await until("transactions that have waited to go on") {
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

/// A transaction of a script, taken one turn at a time; its last turn is the commit.
final class PermutationSession: Sendable {
    /// What is known of it from outside.
    struct Story: Hashable, Sendable {
        /// What came of each step that was taken.
        var steps: [String] = []
        /// The turns in which it waited for another transaction.
        var waits: [Int] = []
        /// Whether another transaction waited too when one of these waits began.
        var isBehindAnother = false
        /// How it ended.
        var end: String?
    }

    private struct State {
        var story = Story()
        var begun = 0
        var isHeld = false
    }

    let name: String
    private let steps: [PermutationStep]
    private let store: any ConsumerStore
    private let starts: [Gate]
    private let ends: [Gate]
    private let state = Mutex(State())

    init(_ name: String, _ steps: [PermutationStep], in store: any ConsumerStore) {
        self.name = name
        self.steps = steps
        self.store = store
        starts = (0...steps.count).map { _ in Gate() }
        ends = (0...steps.count).map { _ in Gate() }
    }

    var story: Story { state.withLock { $0.story } }

    /// Whether its transaction has come to its end.
    var isOver: Bool { story.end != nil }

    /// Whether its transaction has begun and not ended.
    var isOpen: Bool { state.withLock { $0.begun > 0 && $0.story.end == nil } }

    /// Whether it waits for another transaction.
    var isHeld: Bool { state.withLock { $0.isHeld } }

    /// Whether the current turn is a claim.
    var isClaiming: Bool {
        let turn = state.withLock { $0.begun - 1 }
        guard steps.indices.contains(turn), case .claim = steps[turn] else { return false }
        return true
    }

    /// Runs the transaction to its end, each turn when it is begun; the transaction itself begins with the first.
    func run() async {
        let end: String
        do {
            try await starts[0].wait(atMost: .seconds(120), for: "the first turn")
            try await store.transaction { [self] transaction in
                var actor = try PermutationActor(name)
                for (turn, step) in steps.enumerated() {
                    try starts[turn].waitOnThread(atMost: .seconds(120), for: "the turn of \(step)")
                    let said = try actor.take(step, in: transaction)
                    state.withLock { $0.story.steps.append(said) }
                    ends[turn].open()
                }
                try starts[steps.count].waitOnThread(atMost: .seconds(120), for: "the commit's turn")
            }
            end = "committed"
        } catch is GivenUp {
            end = "rolled back"
        } catch let error as StoreError {
            end = "failed: \(error.code)"
        } catch {
            end = "failed: \(error)"
        }
        state.withLock { $0.story.end = end }
        for gate in ends { gate.open() }
    }

    /// Begins the next turn.
    func begin() {
        let turn = state.withLock { state in
            state.begun += 1
            return state.begun - 1
        }
        if starts.indices.contains(turn) { starts[turn].open() }
    }

    /// Records that the current turn waits for another transaction, and whether a third one waits too.
    func hold(isBehindAnother: Bool) {
        state.withLock { state in
            state.isHeld = true
            state.story.isBehindAnother = state.story.isBehindAnother || isBehindAnother
            state.story.waits.append(state.begun)
        }
    }

    /// Records that it does not wait any more.
    func release() { state.withLock { $0.isHeld = false } }

    /// Whether the current turn has ended, or ends within a moment.
    func hasEnded(within moment: Duration) async throws -> Bool {
        let turn = state.withLock { $0.begun - 1 }
        guard ends.indices.contains(turn), !ends[turn].isOpen else { return true }
        do {
            try await ends[turn].wait(atMost: moment, for: "a turn to end")
            return true
        } catch is EventuallyError {
            return false
        }
    }

    /// Lets it run to its end, whatever is left.
    func releaseAll() {
        for gate in starts { gate.open() }
    }
}
