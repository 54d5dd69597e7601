import TertibCore

/// How often what happens rarely has happened: a run that never met it has proved little.
package struct BranchCounts: Hashable, Sendable {
    private var counts = [Int](repeating: 0, count: ExplorerBranch.allCases.count)

    package init() {}

    package internal(set) subscript(branch: ExplorerBranch) -> Int {
        get { counts[branch.rawValue] }
        set { counts[branch.rawValue] = newValue }
    }

    /// Those that were met less often than `times`.
    package func vacuous(below times: Int) -> [ExplorerBranch] {
        ExplorerBranch.allCases.filter { self[$0] < times }
    }

    package mutating func add(_ other: BranchCounts) {
        for branch in ExplorerBranch.allCases { self[branch] += other[branch] }
    }

    // MARK: - Counting

    mutating func count(_ step: ExplorerStep, from state: ExplorerState, in model: ExplorerModel) {
        let thread = Int(step.thread)
        let own = state.threads[thread]
        switch step.kind {
        case .deliver: countDelivery(of: Int(step.message), in: state, model)
        case .beginAfterHold: self[.holdOver] += 1
        case .call: countCall(of: thread, in: state, model)
        case .commit: countCommit(Int(own.node), in: model)
        case .commitIsUnknown:
            self[.unknownCommitted] += 1
            countCommit(Int(own.node), in: model)
        case .commitIsLost: self[.unknownRolledBack] += 1
        case .crash: self[own.phase == .running ? .crashInTransaction : .crashBeforeAcknowledgement] += 1
        case .callConflicts: self[.conflict] += 1
        case .loseAcknowledgement: self[.lostAcknowledgement] += 1
        case .giveBack: self[.givenBack] += 1
        case .sweep: self[.sweep] += 1
        case .wake: self[.wake] += 1
        case .repair: self[.repair] += 1
        case .begin, .callFails, .acknowledge, .timePasses: break
        }
    }

    private mutating func countDelivery(of message: Int, in state: ExplorerState, _ model: ExplorerModel) {
        if state.inHand >> UInt64(2 * message) & 3 != 0 { self[.doubleDelivery] += 1 }
        let slot = model.vocabulary.slot(message)
        if state.effects[slot] != 0 || state.parked[slot].exists { self[.redelivery] += 1 }
    }

    /// A claim that is won or lost now. The answer before it is what the watermarks were when they were read.
    private mutating func countCall(of thread: Int, in state: ExplorerState, _ model: ExplorerModel) {
        let number = Int(state.threads[thread].node)
        guard case .claim(let wanted, _) = model.book.nodes[number].call,
            let won = model.answer(to: model.book.nodes[number].call, of: thread, in: state)?[0],
            UInt64(wanted) & ~won != 0
        else { return }
        let arrivals = model.book.work(of: number).arrivals
        let read = model.book.nodes[number].answer
        for aggregate in UInt64(wanted).members where won >> UInt64(aggregate) & 1 == 0 {
            let lowest = arrivals.members.map { model.world.messages[$0 / 2] }
                .filter { $0.aggregate == aggregate }.map(\.version).min()
            guard let lowest else { continue }
            let wasGap = lowest > read[row: aggregate].version + 1
            if wasGap, lowest == state.rows[aggregate].version + 1 { self[.drainThenPark] += 1 }
        }
    }

    private mutating func countCommit(_ number: Int, in model: ExplorerModel) {
        let node = model.book.nodes[number]
        guard case .finished(let result) = node.end else { return }
        let work = model.book.work(of: number)
        if result.conflicts > 0 { self[.lostClaim] += 1 }
        if result.held != 0 { self[.held] += 1 }
        if result.hasLeftovers { self[.leftover] += 1 }
        if result.isLimited { self[.limitReached] += 1 }
        if work.kind == .careful, work.wakes == 0 { self[.careful] += 1 }
        var applied: UInt32 = 0
        var isDrained = false
        for write in node.writes {
            switch write {
            case .effect(let message): applied |= 1 << UInt32(message)
            case .deleteParked: isDrained = true
            case .park(let row):
                if row.attempts > 0 { self[.retry] += 1 } else { self[.parked] += 1 }
            case .letter(_, let letter):
                self[DeadLetterReason.allCases[letter.reason] == .forked ? .fork : .quarantine] += 1
            case .row: break
            }
        }
        if isDrained, applied != 0 { self[.parkThenDrain] += 1 }
        if applied & work.repair != 0 { self[.repaired] += 1 }
        if result.retried > 0 { self[.retried] += 1 }
    }
}
