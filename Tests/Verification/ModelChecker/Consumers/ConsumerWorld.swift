package import TertibCore
package import TertibTesting

/// Replicas and sweepers of one consumer in motion. What a transaction does comes from the product's machine; here is what
/// broker, database and faults do.
///
/// The broker has: deliveries in any order, to any replica; a second delivery while the first is with a replica, or after
/// its acknowledgement was lost; redelivery of everything that a crashed replica had, or that was given back;
/// acknowledgements that arrive in two halves. It has not: delays and back-off, limits of what may be unacknowledged,
/// terminated messages, a stream that loses or trims messages.
///
/// A replica may crash between any two calls of a transaction, before its commit and after it, and between
/// acknowledgements.
package final class ConsumerWorld: World {
    package let setup: ConsumerScenario
    let fixtures: Fixtures
    let tables = ConsumerTables()
    let evaluator: OracleEvaluator
    private(set) var tree = ExecutionTree<ConsumerExecution>()
    private var roots: [ConsumerWork: UInt32] = [:]
    private let context: ConsumerExecution.Context

    package enum Action: UInt8, StepAction {
        case deliver, begin, beginAfterHold, call, callConflicts, callFails, commit, commitIsUnknown, commitIsLost,
            acknowledge, loseAcknowledgement, crash, giveBack, sweep, wake, repair, timePasses
    }

    package init(_ setup: ConsumerScenario, also others: [any Oracle]) throws {
        self.setup = setup
        let fixtures = try Fixtures(setup)
        self.fixtures = fixtures
        context = ConsumerExecution.Context(setup, fixtures, tables)
        evaluator = OracleEvaluator(
            Self.oracleSettings(setup, fixtures).oracles + others,
            background: setup.messages.indices.map { .stored(fixtures.logged($0), fixtures.envelopes[$0]) })
    }

    package static func smallWorld(_ setup: ConsumerScenario) -> SmallWorld { .consumers(setup) }

    /// Nothing is delivered, nothing is written.
    package var initialState: ConsumerState {
        var state = ConsumerState()
        for fault in Fault.allCases { state.allowance[fault.index] = UInt8(setup.allowed(fault)) }
        return state
    }

    /// Each schedule goes without half of the faults, otherwise rare pairs of them would never coincide.
    package func initialState(using random: inout SeededGenerator) -> ConsumerState {
        var state = initialState
        for fault in Fault.allCases where fault != .sweep && random.next() & 1 == 0 {
            state.allowance[fault.index] = 0
        }
        return state
    }

    package func canonical(_ state: ConsumerState) -> ConsumerState {
        var state = state
        state.sortThreads(0..<setup.replicas)
        state.sortThreads(setup.replicas..<setup.threads)
        return state
    }

    /// The transaction that a thread runs.
    func transaction(of thread: Int, in state: ConsumerState) -> ConsumerExecution? {
        let node = state.threads[thread].node
        return node == ExecutionTree<ConsumerExecution>.none ? nil : tree[node]
    }

    func slot(_ message: Int) -> Int {
        ConsumerState.slot(setup.messages[message].aggregate, setup.messages[message].version)
    }

    func slot(_ row: ParkedEvent) -> Int {
        ConsumerState.slot(fixtures.index(of: row.aggregate), Int(row.version.number))
    }

    func name(_ message: Int) -> String { fixtures.name(message, in: setup) }

    package func judge(halted reason: String) -> Violation? { evaluator.judge(.halted(reason)) }

    // MARK: - Which steps are possible

    package func appendSteps(of state: ConsumerState, to steps: inout [Step<Action>]) {
        for thread in 0..<setup.threads {
            switch state.threads[thread].phase {
            case .idle where thread < setup.replicas: appendIdle(state, thread, &steps)
            case .idle: appendSweeper(state, thread, &steps)
            case .running: appendRunning(state, thread, &steps)
            case .acknowledging, .halfAcknowledged:
                steps.append(Step(.acknowledge, thread))
                if state.allows(.lostAcknowledgement) { steps.append(Step(.loseAcknowledgement, thread)) }
            }
            if state.allows(.crash), state.threads[thread].isBusy { steps.append(Step(.crash, thread)) }
        }
        if hasLaterRetry(state) { steps.append(Step(.timePasses)) }
    }

    private func appendIdle(_ state: ConsumerState, _ thread: Int, _ steps: inout [Step<Action>]) {
        for message in setup.messages.indices where state.acknowledged >> UInt32(message) & 1 == 0 {
            let copies = state.inHand >> UInt64(2 * message) & 3
            if copies == 0 || copies != 3 && state.allows(.duplicate) {
                steps.append(Step(.deliver, thread, message: message))
            }
        }
        guard state.threads[thread].waiting != 0 else { return }
        if mayBegin(state) {
            steps.append(Step(.begin, thread))
            if state.threads[thread].held != 0 { steps.append(Step(.beginAfterHold, thread)) }
        }
        // A replica that finds no room for long pauses; for how long is not decided here.
        if state.allows(.giveBack) || state.threads[thread].lacksRoom { steps.append(Step(.giveBack, thread)) }
    }

    private func appendSweeper(_ state: ConsumerState, _ thread: Int, _ steps: inout [Step<Action>]) {
        guard mayBegin(state) else { return }
        if state.threads[thread].wakes != 0 {
            steps.append(Step(.wake, thread))
        } else if state.threads[thread].repair != 0 {
            steps.append(Step(.repair, thread))
        } else if state.allows(.sweep), state.isAnythingParked {
            steps.append(Step(.sweep, thread))
        }
    }

    private func appendRunning(_ state: ConsumerState, _ thread: Int, _ steps: inout [Step<Action>]) {
        guard let transaction = transaction(of: thread, in: state) else { return }
        guard transaction.end == nil else {
            steps.append(Step(.commit, thread))
            if state.allows(.unknownCommit) {
                steps += [Step(.commitIsUnknown, thread), Step(.commitIsLost, thread)]
            }
            return
        }
        if answer(to: transaction.call, of: thread, in: state) != nil { steps.append(Step(.call, thread)) }
        switch transaction.call {
        case .outcome where state.allows(.failure): steps.append(Step(.callFails, thread))
        case .claim, .effect, .park, .deleteParked:
            if setup.isolation == .readCommitted, state.allows(.conflict) {
                steps.append(Step(.callConflicts, thread))
            }
        default: break
        }
    }

    /// One writer at a time begins only when none writes.
    private func mayBegin(_ state: ConsumerState) -> Bool {
        guard setup.isolation == .oneWriter else { return true }
        for thread in 0..<setup.threads where state.threads[thread].phase == .running { return false }
        return true
    }

    private func hasLaterRetry(_ state: ConsumerState) -> Bool {
        for slot in 0..<32 where state.parked[slot] != 0 {
            if let next = tables.parked[state.parked[slot]]?.nextAttemptAt, next > Fixtures.now { return true }
        }
        return false
    }

    /// Whether everything is acknowledged and no thread has anything to do.
    package func isAtRest(_ state: ConsumerState) -> Bool {
        guard state.acknowledged.nonzeroBitCount == setup.messages.count else { return false }
        for thread in 0..<setup.threads where state.threads[thread].isBusy { return false }
        return true
    }

    // MARK: - Taking a step

    package func take(_ step: Step<Action>, in state: inout ConsumerState) -> Violation? {
        let thread = Int(step.thread)
        switch step.action {
        case .deliver: deliver(Int(step.message), to: thread, &state)
        case .begin: begin(thread, isExpired: false, &state)
        case .beginAfterHold: begin(thread, isExpired: true, &state)
        case .call, .callConflicts, .callFails: return call(step.action, thread, &state)
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
            endBatch(thread, &state)
        case .crash:
            state.spend(.crash)
            drop(thread, &state)
        case .giveBack:
            if !state.threads[thread].lacksRoom { state.spend(.giveBack) }
            drop(thread, &state)
        case .sweep:
            state.spend(.sweep)
            return sweep(thread, &state)
        case .wake:
            start(ConsumerWork(wakes: state.threads[thread].wakes), thread, &state)
            state.threads[thread].wakes = 0
        case .repair: repair(thread, &state)
        case .timePasses:
            for slot in 0..<32 {
                guard var row = tables.parked[state.parked[slot]], let next = row.nextAttemptAt else { continue }
                row.nextAttemptAt = min(next, Fixtures.now)
                state.parked[slot] = tables.number(of: row)
            }
        }
        return nil
    }

    private func deliver(_ message: Int, to thread: Int, _ state: inout ConsumerState) {
        let copies = state.inHand >> UInt64(2 * message) & 3
        if copies != 0 { state.spend(.duplicate) }
        let ticket: UInt64 = copies & 1 == 0 ? 1 << UInt64(2 * message) : 2 << UInt64(2 * message)
        state.inHand |= ticket
        state.threads[thread].waiting |= ticket
    }

    /// Everything that waits goes into one batch.
    private func begin(_ thread: Int, isExpired: Bool, _ state: inout ConsumerState) {
        let batch = state.threads[thread].waiting
        var work = ConsumerWork(arrivals: batch.ranked(within: batch))
        if setup.holds {
            let expired = isExpired ? state.threads[thread].held : 0
            work.holdable = (batch & ~expired).ranked(within: batch)
        }
        state.threads[thread].batch = batch
        state.threads[thread].waiting = 0
        state.threads[thread].lacksRoom = false
        start(work, thread, &state)
    }

    private func start(_ work: ConsumerWork, _ thread: Int, _ state: inout ConsumerState) {
        if roots[work] == nil { roots[work] = tree.add(ConsumerExecution(work, context)) }
        state.threads[thread].phase = .running
        state.threads[thread].unchanged = 0
        state.threads[thread].node = roots[work] ?? 0
    }

    /// The versions that one gap misses go into one batch.
    private func repair(_ thread: Int, _ state: inout ConsumerState) {
        let found = state.threads[thread].repair.members
        var work = ConsumerWork()
        for message in found
        where setup.messages[message].aggregate == found.first.map({ setup.messages[$0].aggregate }) {
            work.repair |= 1 << UInt32(message)
        }
        state.threads[thread].repair &= ~work.repair
        start(work, thread, &state)
    }

    private func call(_ action: Action, _ thread: Int, _ state: inout ConsumerState) -> Violation? {
        guard let transaction = transaction(of: thread, in: state) else { return nil }
        let answer: StoreAnswer
        switch action {
        case .callConflicts:
            state.spend(.conflict)
            answer = .conflict
        case .callFails:
            state.spend(.failure)
            answer = .failure
        default:
            guard let ready = self.answer(to: transaction.call, of: thread, in: state) else { return nil }
            answer = ready
        }
        if case .watermarks(let aggregates) = transaction.call { state.threads[thread].unchanged |= aggregates }
        if case .effect(let message) = transaction.call, answer == .failure {
            return evaluator.judge(.appliedAgain(fixtures.entry(message)))
        }
        state.threads[thread].node = tree.child(of: state.threads[thread].node, after: answer)
        let next = tree[state.threads[thread].node]
        // A batch that was rolled back begins again, and reads anew.
        if next.attempt != transaction.attempt { state.threads[thread].unchanged = 0 }
        return settle(next, thread, &state)
    }

    /// What follows when a transaction has ended without wanting to commit.
    private func settle(
        _ transaction: ConsumerExecution, _ thread: Int, _ state: inout ConsumerState
    ) -> Violation? {
        if let aggregate = transaction.wroteUnclaimed { return evaluator.judge(.wroteUnclaimed(aggregate)) }
        switch transaction.end {
        case nil, .finished: return nil
        case .swept(let wakes, let repair):
            state.threads[thread].wakes = wakes
            state.threads[thread].repair = repair
            stop(thread, &state)
        case .conflict:
            state.threads[thread].waiting |= state.threads[thread].batch
            stop(thread, &state)
        case .failed(let reason): return judge(halted: "a transaction fails without a fault: \(reason)")
        }
        return nil
    }

    /// A sweeper only reads, and claims decide afterwards: its reads are one step.
    private func sweep(_ thread: Int, _ state: inout ConsumerState) -> Violation? {
        start(ConsumerWork(isSweep: true), thread, &state)
        while state.threads[thread].phase == .running {
            if let violation = call(.call, thread, &state) { return violation }
        }
        return nil
    }

    private func commit(_ thread: Int, _ state: inout ConsumerState) -> Violation? {
        guard case .finished(let result)? = transaction(of: thread, in: state)?.end else { return nil }
        if let violation = write(of: thread, &state) { return violation }
        let batch = state.threads[thread].batch
        let acknowledged = result.acknowledged.unranked(within: batch)
        let carried = result.carried.unranked(within: batch)
        if let violation = judgeSettlement(of: batch, acknowledged: acknowledged, carried: carried) {
            return violation
        }
        stop(thread, &state)
        state.threads[thread].acknowledging = acknowledged
        state.threads[thread].waiting |= carried
        state.threads[thread].held = result.held.unranked(within: batch)
        state.threads[thread].lacksRoom = !result.report.reachedLimits.isEmpty
        if acknowledged != 0 { state.threads[thread].phase = .acknowledging }
        return nil
    }

    /// Half of the batch first, then the rest.
    private func acknowledge(_ thread: Int, _ state: inout ConsumerState) -> Violation? {
        var tickets = state.threads[thread].acknowledging
        let isFirstHalf = state.threads[thread].phase == .acknowledging && tickets.nonzeroBitCount > 1
        if isFirstHalf {
            for ticket in tickets.members.dropFirst(tickets.nonzeroBitCount / 2) { tickets &= ~(1 << UInt64(ticket)) }
        }
        for ticket in tickets.members {
            state.acknowledged |= 1 << UInt32(ticket / 2)
            if let violation = judgeAcknowledgement(of: ticket / 2, state) { return violation }
        }
        state.inHand &= ~tickets
        state.threads[thread].acknowledging &= ~tickets
        state.threads[thread].phase = .halfAcknowledged
        if !isFirstHalf { endBatch(thread, &state) }
        return nil
    }

    /// The transaction is over.
    private func stop(_ thread: Int, _ state: inout ConsumerState) {
        state.threads[thread].phase = .idle
        state.threads[thread].node = ExecutionTree<ConsumerExecution>.none
        state.threads[thread].batch = 0
        state.threads[thread].unchanged = 0
    }

    private func endBatch(_ thread: Int, _ state: inout ConsumerState) {
        state.threads[thread].acknowledging = 0
        state.threads[thread].phase = .idle
    }

    /// The thread loses everything that it has: the broker delivers it again.
    private func drop(_ thread: Int, _ state: inout ConsumerState) {
        let own = state.threads[thread]
        state.inHand &= ~(own.waiting | own.batch | own.acknowledging)
        state.threads[thread] = ConsumerThread()
    }
}

/// Deliveries are two bits a message. Within a transaction they go by their rank in the batch, so that it makes no
/// difference which of two copies the batch has.
extension UInt64 {
    /// Messages of which a batch has the second copy alone.
    private func lone(in batch: UInt64) -> UInt64 {
        batch & 0xAAAA_AAAA_AAAA_AAAA & ~((batch & 0x5555_5555_5555_5555) << 1)
    }

    func ranked(within batch: UInt64) -> UInt64 { self & ~lone(in: batch) | (self & lone(in: batch)) >> 1 }

    func unranked(within batch: UInt64) -> UInt64 {
        let lone = lone(in: batch) >> 1
        return self & ~lone | (self & lone) << 1
    }
}
