import Synchronization
import TertibRuntime

/// A transaction of a script that goes one turn at a time, when it is told to; its last turn is the commit.
final class PermutationSession: Sendable {
    /// What is known of it from outside.
    struct Story: Hashable, Sendable {
        /// What came of each step that was taken.
        var steps: [String] = []
        /// The turns in which it waited for another transaction.
        var waits: [Int] = []
        /// Whether somebody else waited too when one of these waits began.
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

    /// Whether the turn in hand is a claim.
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
        } catch is BodyFailure {
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

    /// Notes that the turn in hand waits for another transaction, and whether somebody else waits too.
    func hold(isBehindAnother: Bool) {
        state.withLock { state in
            state.isHeld = true
            state.story.isBehindAnother = state.story.isBehindAnother || isBehindAnother
            state.story.waits.append(state.begun)
        }
    }

    /// Notes that it waits no more.
    func release() { state.withLock { $0.isHeld = false } }

    /// Whether the turn in hand has ended, or ends within a moment.
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
    func letGo() {
        for gate in starts { gate.open() }
    }
}
