import TertibCore

extension ExplorerModel {
    /// Takes a step that is possible.
    /// - Returns: what an oracle has found.
    func take(_ step: ExplorerStep, in state: inout ExplorerState) -> ExplorerViolation? {
        let thread = Int(step.thread)
        switch step.kind {
        case .deliver: deliver(Int(step.message), to: thread, &state)
        case .begin: begin(thread, isExpired: false, &state)
        case .beginAfterHold: begin(thread, isExpired: true, &state)
        case .call, .callConflicts, .callFails: return call(step.kind, thread, &state)
        case .commit: return commit(thread, &state)
        case .commitIsUnknown:
            state.spend(.unknownCommit)
            let violation = write(of: thread, &state)
            drop(thread, &state)
            return violation
        case .commitIsLost:
            state.spend(.unknownCommit)
            drop(thread, &state)
        case .acknowledge: return acknowledge(thread, &state)
        case .loseAcknowledgement:
            state.spend(.lostAcknowledgement)
            state.inHand &= ~state.threads[thread].acknowledging
            rest(thread, &state)
        case .crash:
            state.spend(.crash)
            drop(thread, &state)
        case .giveBack:
            if !state.threads[thread].isCrowded { state.spend(.giveBack) }
            drop(thread, &state)
        case .sweep:
            state.spend(.sweep)
            return sweep(thread, &state)
        case .wake:
            var work = TransactionBook.Work(kind: .careful)
            work.wakes = state.threads[thread].wakes
            state.threads[thread].wakes = 0
            start(work, thread, &state)
        case .repair: repair(thread, &state)
        case .timePasses:
            for slot in 0..<32 where state.parked[slot].exists { state.parked[slot].isDue = true }
        }
        return nil
    }

    private func deliver(_ message: Int, to thread: Int, _ state: inout ExplorerState) {
        let copies = state.inHand >> UInt64(2 * message) & 3
        if copies != 0 { state.spend(.duplicate) }
        let ticket: UInt64 = copies & 1 == 0 ? 1 << UInt64(2 * message) : 2 << UInt64(2 * message)
        state.inHand |= ticket
        state.threads[thread].waiting |= ticket
    }

    /// Everything that waits goes into one batch.
    private func begin(_ thread: Int, isExpired: Bool, _ state: inout ExplorerState) {
        let batch = state.threads[thread].waiting
        var work = TransactionBook.Work()
        work.arrivals = Self.ranked(batch, within: batch)
        if world.holds {
            let expired = isExpired ? state.threads[thread].held : 0
            work.holdable = Self.ranked(batch & ~expired, within: batch)
        }
        state.threads[thread].batch = batch
        state.threads[thread].waiting = 0
        state.threads[thread].isCrowded = false
        start(work, thread, &state)
    }

    private func start(_ work: TransactionBook.Work, _ thread: Int, _ state: inout ExplorerState) {
        state.threads[thread].phase = .running
        state.threads[thread].unchanged = 0
        state.threads[thread].node = UInt32(book.root(of: work))
    }

    /// The versions that one gap misses go into one batch.
    private func repair(_ thread: Int, _ state: inout ExplorerState) {
        let found = UInt64(state.threads[thread].repair).members
        var work = TransactionBook.Work()
        for message in found
        where world.messages[message].aggregate == found.first.map({ world.messages[$0].aggregate }) {
            work.repair |= 1 << UInt32(message)
        }
        state.threads[thread].repair &= ~work.repair
        start(work, thread, &state)
    }

    private func call(_ kind: ExplorerStep.Kind, _ thread: Int, _ state: inout ExplorerState) -> ExplorerViolation? {
        let node = Int(state.threads[thread].node)
        let call = book.nodes[node].call
        let answer: StoreAnswer
        switch kind {
        case .callConflicts:
            state.spend(.conflict)
            answer = .conflict
        case .callFails:
            state.spend(.failure)
            answer = .failure
        default:
            guard let ready = self.answer(to: call, of: thread, in: state) else { return nil }
            answer = ready
        }
        if case .watermarks(let aggregates) = call { state.threads[thread].unchanged |= aggregates }
        if case .effect(let message) = call, answer == .failure {
            return jury.judge(.appliedAgain(vocabulary.entry(message)))
        }
        let next = book.child(of: node, after: answer)
        state.threads[thread].node = UInt32(next)
        return settle(next, thread, &state)
    }

    /// What follows when a body has ended without wanting to commit.
    private func settle(_ node: Int, _ thread: Int, _ state: inout ExplorerState) -> ExplorerViolation? {
        if let aggregate = book.nodes[node].wroteUnclaimed { return jury.judge(.wroteUnclaimed(aggregate)) }
        switch book.nodes[node].end {
        case nil, .finished: return nil
        case .swept(let wakes, let repair):
            state.threads[thread].wakes = wakes
            state.threads[thread].repair = repair
            stop(thread, &state)
        case .conflict:
            state.threads[thread].waiting |= state.threads[thread].batch
            stop(thread, &state)
        case .handlerFailed:
            var work = book.work(of: node)
            work.kind = .careful
            start(work, thread, &state)
        case .transactionLost(let message):
            var work = book.work(of: node)
            work.blamed |= 1 << UInt32(message)
            start(work, thread, &state)
        case .failed(let reason):
            return jury.judge(.halted("a transaction fails without a fault: \(reason)"))
        }
        return nil
    }

    /// The sweeper only reads, and claims decide afterwards: its reads are one step.
    private func sweep(_ thread: Int, _ state: inout ExplorerState) -> ExplorerViolation? {
        start(TransactionBook.Work(kind: .sweep), thread, &state)
        while state.threads[thread].phase == .running {
            if let violation = call(.call, thread, &state) { return violation }
        }
        return nil
    }

    private func commit(_ thread: Int, _ state: inout ExplorerState) -> ExplorerViolation? {
        guard case .finished(let result) = book.nodes[Int(state.threads[thread].node)].end else { return nil }
        if let violation = write(of: thread, &state) { return violation }
        let batch = state.threads[thread].batch
        let acknowledged = Self.unranked(result.acknowledged, within: batch)
        let carried = Self.unranked(result.carried, within: batch)
        let fact = SettlementFact(deliveries: batch, acknowledged: acknowledged, carried: carried)
        if let violation = jury.judge(fact) { return violation }
        state.threads[thread].acknowledging = acknowledged
        state.threads[thread].waiting |= carried
        state.threads[thread].held = Self.unranked(result.held, within: batch)
        state.threads[thread].isCrowded = result.isLimited
        stop(thread, &state)
        if acknowledged != 0 { state.threads[thread].phase = .acknowledging } else { rest(thread, &state) }
        return nil
    }

    /// Half of the batch first, then the rest.
    private func acknowledge(_ thread: Int, _ state: inout ExplorerState) -> ExplorerViolation? {
        var tickets = state.threads[thread].acknowledging
        let isFirstHalf = state.threads[thread].phase == .acknowledging && tickets.nonzeroBitCount > 1
        if isFirstHalf {
            for ticket in tickets.members.dropFirst(tickets.nonzeroBitCount / 2) { tickets &= ~(1 << UInt64(ticket)) }
        }
        for ticket in tickets.members {
            let message = ticket / 2
            state.acknowledged |= 1 << UInt32(message)
            if let violation = judgeAcknowledgement(of: message, state) { return violation }
        }
        state.inHand &= ~tickets
        state.threads[thread].acknowledging &= ~tickets
        state.threads[thread].phase = .halfAcknowledged
        if !isFirstHalf { rest(thread, &state) }
        return nil
    }

    /// The transaction is over.
    private func stop(_ thread: Int, _ state: inout ExplorerState) {
        state.threads[thread].phase = .idle
        state.threads[thread].node = 0
        state.threads[thread].batch = 0
        state.threads[thread].unchanged = 0
    }

    /// The batch is over.
    private func rest(_ thread: Int, _ state: inout ExplorerState) {
        state.threads[thread].acknowledging = 0
        state.threads[thread].phase = .idle
    }

    /// Everything in the thread's hands is let go.
    private func drop(_ thread: Int, _ state: inout ExplorerState) {
        let own = state.threads[thread]
        state.inHand &= ~(own.waiting | own.batch | own.acknowledging)
        state.threads[thread] = ThreadState()
    }

    // MARK: - Deliveries by their rank in a batch

    /// Names deliveries by message and rank, so that it makes no difference which of two copies a batch has.
    static func ranked(_ tickets: UInt64, within batch: UInt64) -> UInt64 {
        let alone = batch & 0xAAAA_AAAA_AAAA_AAAA & ~((batch & 0x5555_5555_5555_5555) << 1)
        return tickets & ~alone | (tickets & alone) >> 1
    }

    static func unranked(_ ranked: UInt64, within batch: UInt64) -> UInt64 {
        let alone = batch & 0xAAAA_AAAA_AAAA_AAAA & ~((batch & 0x5555_5555_5555_5555) << 1)
        return ranked & ~(alone >> 1) | (ranked & (alone >> 1)) << 1
    }

    func name(_ message: Int) -> String {
        let envelope = vocabulary.envelopes[message]
        let branch = String(repeating: "'", count: vocabulary.world.messages[message].branch)
        let copy = vocabulary.message(of: envelope.id) == message ? "" : " (copy)"
        return "\(envelope.aggregate)@\(envelope.version)\(branch)\(copy)"
    }
}
