import TertibCore

/// What happens only now and then in a world of consumers; what the simulator counts too has its name.
package enum ConsumerBranch: Int, WorldBranch {
    /// An event was parked because of a gap.
    case parked
    /// What was parked before was drained by the event that closed the gap.
    case parkThenDrain
    /// A batch that was about to park lost its claim to the replica that brought what was missing.
    case drainThenPark
    /// A claim was lost to another replica.
    case lostClaim
    /// A delivery behind a gap was held in memory.
    case held
    /// A hold was over before the gap had closed.
    case holdOver
    /// A repair has read missing versions from the stream.
    case repair
    /// Events were applied by a repair.
    case repaired
    /// A handler has failed, and its event waits for its next attempt.
    case retry
    /// An event was applied after a failure.
    case retried
    /// An aggregate was quarantined.
    case quarantine
    /// A fork was found.
    case fork
    /// A batch was begun again with a savepoint an event.
    case careful
    /// A commit's outcome stayed unknown, and it had happened.
    case unknownCommitted
    /// A commit's outcome stayed unknown, and it had not happened.
    case unknownRolledBack
    /// A replica has crashed in a transaction.
    case crashInTransaction
    /// A replica has crashed after its commit, and before all acknowledgements.
    case crashBeforeAcknowledgement
    /// An event was delivered that was applied, or parked, already.
    case redelivery
    /// A message was with two replicas, or twice with one.
    case doubleDelivery
    /// Acknowledgements have not arrived.
    case lostAcknowledgement
    /// A statement failed because of another transaction.
    case conflict
    /// The sweeper has looked for what to wake.
    case sweep
    /// The sweeper has woken an aggregate.
    case wake
    /// A transaction left the rest of a drain to the sweeper.
    case leftover
    /// A limit of the parked rows was reached.
    case limitReached
    /// A replica gave everything back.
    case givenBack
}

extension ConsumerWorld {
    package typealias Branch = ConsumerBranch

    package func count(_ step: Step<Action>, from state: ConsumerState, in counts: inout BranchCounts) {
        let thread = Int(step.thread)
        func take(_ branch: Branch) { counts[branch] += 1 }
        switch step.action {
        case .deliver:
            let slot = slot(Int(step.message))
            if state.inHand >> UInt64(2 * Int(step.message)) & 3 != 0 { take(.doubleDelivery) }
            if state.effects[slot] != 0 || state.parked[slot] != 0 { take(.redelivery) }
        case .beginAfterHold: take(.holdOver)
        case .call: countCall(of: thread, in: state, &counts)
        case .commit: countCommit(of: thread, in: state, &counts)
        case .commitIsUnknown:
            take(.unknownCommitted)
            countCommit(of: thread, in: state, &counts)
        case .commitIsLost: take(.unknownRolledBack)
        case .crash: take(state.threads[thread].phase == .running ? .crashInTransaction : .crashBeforeAcknowledgement)
        case .callConflicts: take(.conflict)
        case .loseAcknowledgement: take(.lostAcknowledgement)
        case .giveBack: take(.givenBack)
        case .sweep: take(.sweep)
        case .wake: take(.wake)
        case .repair: take(.repair)
        case .begin, .callFails, .acknowledge, .timePasses: break
        }
    }

    /// A claim that is lost now to the replica that has closed the gap since the watermarks were read.
    private func countCall(of thread: Int, in state: ConsumerState, _ counts: inout BranchCounts) {
        guard let transaction = transaction(of: thread, in: state), case .claim(let wanted, _) = transaction.call,
            let answer = answer(to: transaction.call, of: thread, in: state)
        else { return }
        for aggregate in (wanted & ~UInt8(truncatingIfNeeded: answer[0])).members {
            let lowest = transaction.work.arrivals.members.map { setup.messages[$0 / 2] }
                .filter { $0.aggregate == aggregate }.map(\.version).min()
            guard let lowest else { continue }
            func version(_ row: UInt16) -> Int { Int(tables.watermarks[row]?.version.number ?? 0) }
            let wasGap = lowest > version(transaction.lastAnswer[aggregate]) + 1
            if wasGap, lowest == version(state.rows[aggregate]) + 1 { counts[Branch.drainThenPark] += 1 }
        }
    }

    private func countCommit(of thread: Int, in state: ConsumerState, _ counts: inout BranchCounts) {
        guard let transaction = transaction(of: thread, in: state), case .finished(let result)? = transaction.end else {
            return
        }
        func take(_ branch: Branch) { counts[branch] += 1 }
        if result.report.conflicts > 0 { take(.lostClaim) }
        if result.held != 0 { take(.held) }
        if result.report.hasLeftovers { take(.leftover) }
        if !result.report.reachedLimits.isEmpty { take(.limitReached) }
        if transaction.attempt > 1 { take(.careful) }
        var applied: UInt32 = 0
        var isDrained = false
        for write in transaction.writes {
            switch write {
            case .effect(let message): applied |= 1 << UInt32(message)
            case .deleteParked: isDrained = true
            case .park(_, let row): take((tables.parked[row]?.attempts ?? 0) > 0 ? .retry : .parked)
            case .deadLetter(_, let mark): take(mark.reason == .forked ? .fork : .quarantine)
            case .row: break
            }
        }
        if isDrained, applied != 0 { take(.parkThenDrain) }
        if applied & transaction.work.repair != 0 { take(.repaired) }
        if result.report.retried > 0 { take(.retried) }
    }
}
