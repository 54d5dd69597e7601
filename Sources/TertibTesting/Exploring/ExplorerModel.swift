import TertibCore

/// A small world in motion: which steps are possible in a state, and what they make of it. What the consumer does comes
/// from the book, that is from the product's code; here is what the broker, the database and fate do.
final class ExplorerModel {
    let world: SmallWorld
    let vocabulary: ExplorerVocabulary
    let book: TransactionBook
    let jury: ExplorerJury

    /// Prepares a world that all oracles watch, and others that are given.
    init(_ world: SmallWorld, also others: [any Oracle] = []) throws {
        self.world = world
        vocabulary = try ExplorerVocabulary(world)
        book = TransactionBook(vocabulary)
        jury = ExplorerJury(vocabulary, also: others)
    }

    /// Nothing is delivered, nothing is written.
    var initialState: ExplorerState {
        var state = ExplorerState()
        let allowance = world.allowance
        for (fault, count) in [
            (Fault.crash, allowance.crashes), (.duplicate, allowance.duplicates),
            (.lostAcknowledgement, allowance.lostAcknowledgements), (.conflict, allowance.conflicts),
            (.unknownCommit, allowance.unknownCommits), (.sweep, allowance.sweeps), (.failure, allowance.failures),
            (.giveBack, allowance.returns),
        ] { state.allowance[fault.rawValue] = UInt8(count) }
        return state
    }

    // MARK: - Which steps are possible

    func appendSteps(of state: ExplorerState, to steps: inout [ExplorerStep]) {
        for thread in 0..<world.threads {
            let isReplica = thread < world.replicas
            switch state.threads[thread].phase {
            case .idle where isReplica: appendIdle(state, thread, &steps)
            case .idle: appendSweeper(state, thread, &steps)
            case .running: appendRunning(state, thread, &steps)
            case .acknowledging, .halfAcknowledged:
                steps.append(ExplorerStep(.acknowledge, thread))
                if state.allows(.lostAcknowledgement) { steps.append(ExplorerStep(.loseAcknowledgement, thread)) }
            }
            if state.allows(.crash), state.threads[thread].hasSomething { steps.append(ExplorerStep(.crash, thread)) }
        }
        if hasLaterRetry(state) { steps.append(ExplorerStep(.timePasses)) }
    }

    private func appendIdle(_ state: ExplorerState, _ thread: Int, _ steps: inout [ExplorerStep]) {
        for message in world.messages.indices where state.acknowledged >> UInt32(message) & 1 == 0 {
            let copies = state.inHand >> UInt64(2 * message) & 3
            if copies == 0 || copies != 3 && state.allows(.duplicate) {
                steps.append(ExplorerStep(.deliver, thread, message: message))
            }
        }
        guard state.threads[thread].waiting != 0 else { return }
        if mayBegin(state) {
            steps.append(ExplorerStep(.begin, thread))
            if state.threads[thread].held != 0 { steps.append(ExplorerStep(.beginAfterHold, thread)) }
        }
        // Who finds no room for long pauses; how long that is, is not the model's to say.
        if state.allows(.giveBack) || state.threads[thread].isCrowded { steps.append(ExplorerStep(.giveBack, thread)) }
    }

    private func appendSweeper(_ state: ExplorerState, _ thread: Int, _ steps: inout [ExplorerStep]) {
        if state.threads[thread].wakes != 0 {
            if mayBegin(state) { steps.append(ExplorerStep(.wake, thread)) }
        } else if state.threads[thread].repair != 0 {
            if mayBegin(state) { steps.append(ExplorerStep(.repair, thread)) }
        } else if state.allows(.sweep), isAnythingParked(state), mayBegin(state) {
            steps.append(ExplorerStep(.sweep, thread))
        }
    }

    private func appendRunning(_ state: ExplorerState, _ thread: Int, _ steps: inout [ExplorerStep]) {
        let node = Int(state.threads[thread].node)
        guard book.nodes[node].end == nil else {
            steps.append(ExplorerStep(.commit, thread))
            if state.allows(.unknownCommit) {
                steps.append(ExplorerStep(.commitIsUnknown, thread))
                steps.append(ExplorerStep(.commitIsLost, thread))
            }
            return
        }
        if answer(to: book.nodes[node].call, of: thread, in: state) != nil {
            steps.append(ExplorerStep(.call, thread))
        }
        switch book.nodes[node].call {
        case .outcome where state.allows(.failure): steps.append(ExplorerStep(.callFails, thread))
        case .claim, .effect, .park, .deleteParked:
            if world.isolation == .readCommitted, state.allows(.conflict) {
                steps.append(ExplorerStep(.callConflicts, thread))
            }
        default: break
        }
    }

    /// One writer at a time begins only when nobody writes.
    private func mayBegin(_ state: ExplorerState) -> Bool {
        guard world.isolation == .oneWriter else { return true }
        for thread in 0..<world.threads where state.threads[thread].phase == .running { return false }
        return true
    }

    func isAnythingParked(_ state: ExplorerState) -> Bool {
        for slot in 0..<32 where state.parked[slot].exists { return true }
        return false
    }

    func hasLaterRetry(_ state: ExplorerState) -> Bool {
        for slot in 0..<32 where state.parked[slot].exists && !state.parked[slot].isDue { return true }
        return false
    }

    /// Whether everything is acknowledged and nobody has anything to do.
    func isAtRest(_ state: ExplorerState) -> Bool {
        guard state.acknowledged.nonzeroBitCount == world.messages.count else { return false }
        for thread in 0..<world.threads where state.threads[thread].hasSomething { return false }
        return true
    }
}

extension ThreadState {
    var hasSomething: Bool {
        phase != .idle || waiting != 0 || wakes != 0 || repair != 0
    }
}
