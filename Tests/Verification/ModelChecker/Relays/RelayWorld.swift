import TertibCore
import TertibRuntime
package import TertibTesting

/// Relays of one outbox in motion. What a relay does comes from the product's machines; here is what outbox, stream and
/// faults do.
///
/// The outbox has: claims of the lowest unpublished row of each aggregate that no relay holds; leases that run out; heads
/// that only go forward; a commit whose outcome stays unknown, having happened or not. The stream has: expectations, which
/// it enforces after it has looked for the id; duplicates recognised by id, until it forgets the ids; publishes whose
/// answer is lost, that never arrive, or that arrive after others; a broker that is away until the relay gives up.
///
/// They have not: several aggregates published side by side in one round, rows staged by transactions that roll back, a
/// stream that trims or loses messages, other writers on a subject, conflicts of the database, deletion of old rows.
///
/// A relay may crash between any two calls.
package final class RelayWorld: World {
    package let setup: RelayScenario
    private let fixtures: RelayFixtures
    private let evaluator: OracleEvaluator
    private var tree = ExecutionTree<RelayExecution>()
    private let root: UInt32

    package enum Action: UInt8, StepAction {
        case stage, begin, call, answerIsLost, publishIsLost, publishIsLate, brokerIsAway, brokerGoesAway,
            commitIsUnknown, commitIsLost, crash, lateArrives, idsAreForgotten, timePasses
    }

    /// The steps that are faults or follow from them, in the order of ``Action``, and what the stream answers rarely.
    package enum Branch: Int, WorldBranch {
        case answerIsLost, publishIsLost, publishIsLate, brokerIsAway, brokerGoesAway, commitIsUnknown, commitIsLost,
            crash, lateArrives, idsAreForgotten, timePasses
        /// The stream has recognised an id.
        case duplicate
        /// The stream has refused an expectation.
        case superseded
    }

    package init(_ setup: RelayScenario, also others: [any Oracle]) throws {
        if let problem = setup.problem { throw ScenarioError(problem) }
        self.setup = setup
        fixtures = try RelayFixtures()
        var settings = OracleSettings()
        settings.types = []
        settings.published = Set(fixtures.base.aggregates.map(\.type))
        evaluator = OracleEvaluator(settings.oracles + others, background: [])
        root = tree.add(RelayExecution(fixtures, inFlight: setup.inFlight))
    }

    package static func smallWorld(_ setup: RelayScenario) -> SmallWorld { .relays(setup) }

    /// Exploration to the end finds shortest schedules, so that nothing remains to be made smaller.
    package static func smaller(
        _ setup: RelayScenario, _ steps: [Step<Action>]
    ) -> [(setup: RelayScenario, steps: [Step<Action>])] { [] }

    /// Nothing is staged.
    package var initialState: RelayState {
        var state = RelayState()
        for (fault, count) in setup.faults { state.allowance[fault.index] = UInt8(count) }
        return state
    }

    package func canonical(_ state: RelayState) -> RelayState {
        var state = state
        for index in 1..<setup.relays {
            var place = index
            while place > 0, state.nodes[place] < state.nodes[place - 1] {
                state.nodes.swapAt(place, place - 1)
                place -= 1
            }
        }
        return state
    }

    package func judge(halted reason: String) -> Violation? { evaluator.judge(.halted(reason)) }

    private func execution(_ relay: Int, _ state: RelayState) -> RelayExecution? {
        state.nodes[relay] == ExecutionTree<RelayExecution>.none ? nil : tree[state.nodes[relay]]
    }

    // MARK: - Which steps are possible

    package func appendSteps(of state: RelayState, to steps: inout [Step<Action>]) {
        for aggregate in setup.versions.indices where state.staged(aggregate) < setup.versions[aggregate] {
            steps.append(Step(.stage, aggregate))
        }
        for relay in 0..<setup.relays {
            guard let execution = execution(relay, state) else {
                if state.unpublished != 0 { steps.append(Step(.begin, relay)) }
                continue
            }
            steps.append(Step(.call, relay))
            if state.allows(.crash) { steps.append(Step(.crash, relay)) }
            switch execution.call {
            case .publish: appendFaultsOfPublish(state, relay, &steps)
            case .claim where state.allows(.unknownCommit), .mark where state.allows(.unknownCommit):
                steps += [Step(.commitIsUnknown, relay), Step(.commitIsLost, relay)]
            default: break
            }
        }
        if state.late.exists { steps.append(Step(.lateArrives)) }
        if state.allows(.forgottenIDs), state.count > Int(state.forgotten) { steps.append(Step(.idsAreForgotten)) }
        if isAnythingHeld(state) { steps.append(Step(.timePasses)) }
    }

    private func appendFaultsOfPublish(_ state: RelayState, _ relay: Int, _ steps: inout [Step<Action>]) {
        if state.allows(.lostAnswer) {
            steps += [Step(.answerIsLost, relay), Step(.publishIsLost, relay)]
            if !state.late.exists { steps.append(Step(.publishIsLate, relay)) }
        }
        if state.allows(.outage) { steps += [Step(.brokerIsAway, relay), Step(.brokerGoesAway, relay)] }
    }

    private func isAnythingHeld(_ state: RelayState) -> Bool {
        (0..<8).contains { state.isUnpublished($0) && state.rows[$0].contains(.held) }
    }

    /// Whether everything is staged and nothing is under way: what is not published then, the relays have to find.
    package func isAtRest(_ state: RelayState) -> Bool {
        !state.late.exists && (0..<setup.relays).allSatisfy { execution($0, state) == nil }
            && setup.versions.indices.allSatisfy { state.staged($0) == setup.versions[$0] }
    }

    package func count(_ step: Step<Action>, from state: RelayState, in counts: inout BranchCounts) {
        switch step.action {
        case .call:
            guard case .publish(let entry, let expected)? = execution(Int(step.thread), state)?.call else { return }
            if duplicate(of: entry, state) != nil {
                counts[Branch.duplicate] += 1
            } else if state.last(of: entry.aggregate) != expected {
                counts[Branch.superseded] += 1
            }
        case .stage, .begin: break
        default:
            if let branch = Branch(rawValue: Int(step.action.rawValue - Action.answerIsLost.rawValue)) {
                counts[branch] += 1
            }
        }
    }

    // MARK: - Taking a step

    package func take(_ step: Step<Action>, in state: inout RelayState) -> Violation? {
        let number = Int(step.thread)
        switch step.action {
        case .stage: state.rows[RelayEntry.events(of: number).lowerBound + state.staged(number)] = .staged
        case .begin:
            state.nodes[number] = root
            // No other relay sees that a round has begun, so its first read is a part of this step.
            return call(.call, of: number, &state)
        case .crash:
            state.spend(.crash)
            state.nodes[number] = ExecutionTree<RelayExecution>.none
        case .lateArrives:
            let (entry, expected) = (state.late, Int(state.lateExpectation) - 1)
            (state.late, state.lateExpectation) = (RelayEntry(), 0)
            return store(entry, expecting: expected, &state).violation
        case .idsAreForgotten:
            state.spend(.forgottenIDs)
            state.forgotten = UInt8(state.count)
        case .timePasses: for event in 0..<8 { state.rows[event].remove(.held) }
        case .call, .answerIsLost, .publishIsLost, .publishIsLate, .brokerIsAway, .brokerGoesAway, .commitIsUnknown,
            .commitIsLost:
            return call(step.action, of: number, &state)
        }
        return nil
    }

    private func call(_ action: Action, of relay: Int, _ state: inout RelayState) -> Violation? {
        guard let call = execution(relay, state)?.call else { return nil }
        var answer = RelayAnswer.unknown
        var violation: Violation?
        switch action {
        case .answerIsLost:
            state.spend(.lostAnswer)
            violation = perform(call, &state).violation
        case .publishIsLost: state.spend(.lostAnswer)
        case .publishIsLate:
            state.spend(.lostAnswer)
            guard case .publish(let entry, let expected) = call else { return nil }
            (state.late, state.lateExpectation) = (entry, UInt8(expected + 1))
        case .brokerIsAway:
            state.spend(.outage)
            answer = .silence
        case .brokerGoesAway:
            state.spend(.outage)
            violation = perform(call, &state).violation
            answer = .silence
        case .commitIsUnknown:
            state.spend(.unknownCommit)
            _ = perform(call, &state)
            answer = .commitUnknown
        case .commitIsLost:
            state.spend(.unknownCommit)
            answer = .commitUnknown
        default: (answer, violation) = perform(call, &state)
        }
        if let violation { return violation }
        let next = tree.child(of: state.nodes[relay], after: answer)
        let execution = tree[next]
        state.nodes[relay] = execution.call == nil ? ExecutionTree<RelayExecution>.none : next
        guard let error = execution.error, answer != .commitUnknown else { return nil }
        return judge(halted: "a relay fails without a fault: \(error)")
    }

    // MARK: - Outbox and stream

    /// What outbox or stream does at a call, and says.
    private func perform(_ call: RelayCall, _ state: inout RelayState) -> (answer: RelayAnswer, violation: Violation?) {
        switch call {
        case .count: (.number(state.unpublished.nonzeroBitCount), nil)
        case .claim(let limit): (claim(limit, &state), nil)
        case .rows(let aggregates):
            (
                .rows(
                    aggregates.members.flatMap { RelayEntry.events(of: $0) }.filter { state.isUnpublished($0) }
                        .reduce(0) { $0 | 1 << UInt8($1) }), nil
            )
        case .publish(let entry, let expected): store(entry, expecting: expected, &state)
        case .message(let sequence): (message(at: sequence, state), nil)
        case .next(let aggregate, let sequence):
            (
                message(
                    at: (sequence..<max(sequence, state.count)).first { state.stream[$0].aggregate == aggregate }
                        .map { $0 + 1 } ?? 0, state), nil
            )
        case .last(let aggregate): (message(at: state.last(of: aggregate), state), nil)
        case .streamState: (.number(state.count), nil)
        case .mark(let published, let later): (mark(published, later, &state), nil)
        }
    }

    /// The lowest unpublished row of each aggregate, if no relay has it.
    private func claim(_ limit: Int, _ state: inout RelayState) -> RelayAnswer {
        var mask: UInt8 = 0
        for aggregate in setup.versions.indices where mask.nonzeroBitCount < limit {
            let row = RelayEntry.events(of: aggregate).first {
                state.isUnpublished($0) && !(setup.handsOutAnyRow && state.rows[$0].contains(.held))
            }
            guard let row, !state.rows[row].contains(.held) else { continue }
            mask |= 1 << UInt8(row)
            state.rows[row].insert(.held)
        }
        return .claims(mask, heads: (0..<2).map { SIMD2(Int(state.published[$0]), Int(state.places[$0])) })
    }

    /// The sequence of a message whose id the stream still knows.
    private func duplicate(of entry: RelayEntry, _ state: RelayState) -> Int? {
        (Int(state.forgotten)..<max(state.count, Int(state.forgotten))).first { state.stream[$0] == entry }
            .map { $0 + 1 }
    }

    /// First the id, then the expectation, as the server does it.
    private func store(
        _ entry: RelayEntry, expecting expected: Int, _ state: inout RelayState
    ) -> (answer: RelayAnswer, violation: Violation?) {
        if let sequence = duplicate(of: entry, state) { return (.stored(sequence, isDuplicate: true), nil) }
        let last = state.last(of: entry.aggregate)
        if setup.isFenced, expected != last { return (.unexpected(last), nil) }
        guard state.count < 16 else { return (.unexpected(last), judge(halted: "relays fill the stream for ever")) }
        let sequence = state.count + 1
        state.stream[sequence - 1] = entry
        return (.stored(sequence, isDuplicate: false), judge(isRest: false, state))
    }

    private func message(at sequence: Int, _ state: RelayState) -> RelayAnswer {
        guard 1...16 ~= sequence, state.stream[sequence - 1].exists else {
            return .message(0, RelayEntry(), predecessor: 0)
        }
        let entry = state.stream[sequence - 1]
        return .message(sequence, entry, predecessor: state.last(of: entry.aggregate, before: sequence))
    }

    /// A head goes forward, never back.
    private func mark(_ published: [Int: Int], _ later: [Int], _ state: inout RelayState) -> RelayAnswer {
        for (event, sequence) in published {
            state.rows[event].insert(.published)
            state.rows[event].remove(.held)
            let aggregate = RelayEntry(event: event).aggregate
            let version = UInt8(event - RelayEntry.events(of: aggregate).lowerBound + 1)
            if state.published[aggregate] < version {
                (state.published[aggregate], state.places[aggregate]) = (version, UInt8(sequence))
            }
        }
        for event in later where state.isUnpublished(event) { state.rows[event].insert(.held) }
        return .done
    }

    // MARK: - Oracles

    private struct Fact {
        var stream: InlineArray<16, RelayEntry>
        var staged: UInt16
        var unpublished: UInt16
        var isRest: UInt32
    }

    /// Lets the oracles judge the last message of the stream, or what is left when the relays have had their time.
    private func judge(isRest: Bool, _ state: RelayState) -> Violation? {
        var fact = Fact(
            stream: state.stream, staged: 0, unpublished: UInt16(state.unpublished), isRest: isRest ? 1 : 0)
        for event in 0..<8 where state.rows[event].contains(.staged) { fact.staged |= 1 << UInt16(event) }
        return evaluator.judge(fact) { fact -> (history: [Observation], now: Observation) in
            let staged = CommitObservation(
                changes: [], staged: fixtures.rows(UInt8(truncatingIfNeeded: fact.staged)), parkedInAll: 0)
            var history: [Observation] = [.committed(staged)]
            var rest = RestObservation()
            rest.unpublished = fixtures.rows(UInt8(truncatingIfNeeded: fact.unpublished))
            for index in 0..<16 where fact.stream[index].exists {
                let envelope = fixtures.envelope(fact.stream[index])
                history.append(.stored(fixtures.logged(fact.stream[index], at: index + 1, behind: 0), envelope))
                rest.events.append(envelope)
            }
            return fact.isRest == 1 ? (history, .rest(rest)) : (Array(history.dropLast()), history[history.count - 1])
        }
    }

    /// Lets one relay alone publish what is left, and the oracles judge what comes of it.
    package func checkRest(_ state: RelayState) -> (violation: Violation?, steps: [Step<Action>]) {
        var last = state
        var steps: [Step<Action>] = []
        for _ in 0..<16 where last.unpublished != 0 {
            if isAnythingHeld(last) { steps.append(Step(.timePasses)) }
            _ = take(Step(.timePasses), in: &last)
            var action = Action.begin
            repeat {
                steps.append(Step(action, 0))
                if let violation = take(Step(action, 0), in: &last) { return (violation, steps) }
                action = .call
            } while execution(0, last) != nil
        }
        // What is missing then is seen without the rounds that did not help.
        return (judge(isRest: true, last), [])
    }

    // MARK: - Words

    package func describe(_ step: Step<Action>, in state: RelayState) -> String {
        let number = Int(step.thread)
        let relay = "relay \(Character(UnicodeScalar(UInt8(65 + number))))"
        let words = "\(relay) \(words(execution(min(number, 3), state)?.call))"
        switch step.action {
        case .stage: return "\(name(RelayEntry.events(of: number).lowerBound + state.staged(number))) is staged"
        case .begin: return "\(relay) begins a round"
        case .call: return words
        case .answerIsLost: return "\(words), and no answer comes"
        case .publishIsLost: return "\(words), which never arrives"
        case .publishIsLate: return "\(words), which is on its way for long"
        case .brokerIsAway: return "\(words), and the broker is away for long"
        case .brokerGoesAway: return "\(words), which arrives, and the broker goes away for long"
        case .commitIsUnknown: return "\(words), commits, and gets no answer"
        case .commitIsLost: return "\(words), and loses its connection at the commit"
        case .crash: return "\(relay) crashes"
        case .lateArrives: return "the message that was on its way arrives"
        case .idsAreForgotten: return "the broker forgets the ids of what it has"
        case .timePasses: return "time passes, no relay holds a row any more"
        }
    }

    private func name(_ event: Int) -> String {
        let envelope = fixtures.base.envelopes[event]
        return "\(envelope.aggregate)@\(envelope.version)"
    }

    private func words(_ call: RelayCall?) -> String {
        switch call {
        case .count: "counts what is unpublished"
        case .claim: "takes the lowest rows"
        case .rows(let aggregates):
            "reads the rows of " + aggregates.members.map { "\(fixtures.base.aggregates[$0])" }.joined(separator: ", ")
        case .publish(let entry, let expected): "publishes \(name(entry.event)) behind message \(expected)"
        case .message, .next, .last, .streamState: "reads the stream"
        case .mark(let published, let later):
            "marks \(published.keys.sorted().map(name).joined(separator: ", ")) published"
                + (later.isEmpty ? "" : ", and gives back \(later.map(name).joined(separator: ", "))")
        case nil: "has ended its round"
        }
    }
}
