import Tertib
import TertibCore

/// A world of relays in motion: which steps are possible in a state, and what they make of it. What a relay does comes
/// from the book, that is from the product's code; here is what the outbox, the stream and fate do.
final class RelayModel {
    let world: RelayWorld
    let vocabulary: ExplorerVocabulary
    let book: RelayBook
    let jury: RelayJury

    init(_ world: RelayWorld) throws {
        precondition(world.versions.count <= RelayWorld.limits.aggregates, "at most so many aggregates")
        precondition(world.versions.allSatisfy { $0 <= RelayWorld.limits.versions }, "at most so many versions")
        self.world = world
        vocabulary = try RelayVocabulary.vocabulary()
        book = RelayBook(vocabulary, world)
        jury = try RelayJury(vocabulary)
    }

    /// Nothing is staged.
    var initialState: RelayState {
        var state = RelayState()
        state.crashes = UInt8(world.crashes)
        state.lostAnswers = UInt8(world.lostAnswers)
        state.unknownCommits = UInt8(world.unknownCommits)
        state.forgottenIDs = UInt8(world.forgottenIDs)
        return state
    }

    // MARK: - Which steps are possible

    func appendSteps(of state: RelayState, to steps: inout [RelayStep]) {
        for aggregate in world.versions.indices where staged(aggregate, state) < world.versions[aggregate] {
            steps.append(RelayStep(.stage, aggregate))
        }
        for relay in 0..<world.relays {
            guard state.nodes[relay] != 0 else {
                if hasUnpublished(state) { steps.append(RelayStep(.begin, relay)) }
                continue
            }
            steps.append(RelayStep(.call, relay))
            if state.crashes > 0 { steps.append(RelayStep(.crash, relay)) }
            switch book.nodes[Int(state.nodes[relay])].call {
            case .publish where state.lostAnswers > 0:
                steps += [RelayStep(.answerIsLost, relay), RelayStep(.publishIsLost, relay)]
                if state.late == 0 { steps.append(RelayStep(.publishIsLate, relay)) }
            case .claim where state.unknownCommits > 0, .mark where state.unknownCommits > 0:
                steps += [RelayStep(.commitIsUnknown, relay), RelayStep(.commitIsLost, relay)]
            default: break
            }
        }
        if state.late != 0 { steps.append(RelayStep(.lateArrives)) }
        if state.forgottenIDs > 0, state.count > Int(state.forgotten) { steps.append(RelayStep(.idsAreForgotten)) }
        if isAnythingHeld(state) { steps.append(RelayStep(.timePasses)) }
    }

    func staged(_ aggregate: Int, _ state: RelayState) -> Int {
        (0..<4).count { state.rows[4 * aggregate + $0].contains(.staged) }
    }

    func hasUnpublished(_ state: RelayState) -> Bool { (0..<8).contains { state.isUnpublished($0) } }

    private func isAnythingHeld(_ state: RelayState) -> Bool {
        (0..<8).contains { state.isUnpublished($0) && state.rows[$0].contains(.held) }
    }

    /// Whether everything is staged and nothing is under way: what is not published then, the relays have to find.
    func isQuiet(_ state: RelayState) -> Bool {
        state.late == 0 && (0..<world.relays).allSatisfy { state.nodes[$0] == 0 }
            && world.versions.indices.allSatisfy { staged($0, state) == world.versions[$0] }
    }

    // MARK: - Taking a step

    /// Takes a step that is possible.
    /// - Returns: what an oracle has found.
    func take(_ step: RelayStep, in state: inout RelayState) -> ExplorerViolation? {
        let number = Int(step.number)
        switch step.kind {
        case .stage: state.rows[4 * number + staged(number, state)] = .staged
        case .begin: state.nodes[number] = UInt32(RelayBook.root)
        case .crash:
            state.crashes -= 1
            state.nodes[number] = 0
        case .lateArrives:
            let (entry, expected) = (state.late, Int(state.lateExpectation) - 1)
            (state.late, state.lateExpectation) = (0, 0)
            return store(entry, expected: expected < 0 ? nil : expected, &state).violation
        case .idsAreForgotten:
            state.forgottenIDs -= 1
            state.forgotten = UInt8(state.count)
        case .timePasses:
            for event in 0..<8 { state.rows[event].remove(.held) }
        case .call, .answerIsLost, .publishIsLost, .publishIsLate, .commitIsUnknown, .commitIsLost:
            return call(step.kind, of: number, &state)
        }
        return nil
    }

    private func call(
        _ kind: RelayStep.Kind, of relay: Int, _ state: inout RelayState
    ) -> ExplorerViolation? {
        let node = Int(state.nodes[relay])
        guard let call = book.nodes[node].call else { return nil }
        var answer = RelayAnswer.unknown
        var violation: ExplorerViolation?
        switch kind {
        case .call: (answer, violation) = perform(call, &state)
        case .answerIsLost:
            state.lostAnswers -= 1
            violation = perform(call, &state).violation
        case .publishIsLate:
            state.lostAnswers -= 1
            guard case .publish(let entry, let expected) = call else { return nil }
            state.late = entry
            state.lateExpectation = UInt8((expected ?? -1) + 1)
        case .commitIsUnknown:
            state.unknownCommits -= 1
            _ = perform(call, &state)
            answer = .commitUnknown
        case .commitIsLost:
            state.unknownCommits -= 1
            answer = .commitUnknown
        default: state.lostAnswers -= 1
        }
        if let violation { return violation }
        let next = book.child(of: node, after: answer)
        state.nodes[relay] = book.nodes[next].end == nil ? UInt32(next) : 0
        if case .failed(let reason)? = book.nodes[next].end, answer != .commitUnknown {
            return jury.judge(.halted("a relay fails without a fault: \(reason)"))
        }
        return nil
    }
}
