import TertibRuntime
import TertibCore

/// A world of relays in motion: which steps are possible in a state, and what they make of it. What a relay does comes
/// from the book, that is from the product's code; here is what the outbox, the stream and fate do.
final class RelayModel {
    let world: RelayWorld
    let vocabulary: ExplorerVocabulary
    let book: RelayBook
    let jury: RelayJury

    /// Prepares a world that the oracles watch.
    /// - Throws: ``SmallWorldFault`` for a world that cannot be explored.
    init(_ world: RelayWorld) throws {
        if let fault = world.fault { throw SmallWorldFault(description: fault) }
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
        state.outages = UInt8(world.outages)
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
            case .publish: appendFaultsOfPublish(state, relay, &steps)
            case .claim where state.unknownCommits > 0, .mark where state.unknownCommits > 0:
                steps += [RelayStep(.commitIsUnknown, relay), RelayStep(.commitIsLost, relay)]
            default: break
            }
        }
        if state.late != 0 { steps.append(RelayStep(.lateArrives)) }
        if state.forgottenIDs > 0, state.count > Int(state.forgotten) { steps.append(RelayStep(.idsAreForgotten)) }
        if isAnythingHeld(state) { steps.append(RelayStep(.timePasses)) }
    }

    private func appendFaultsOfPublish(_ state: RelayState, _ relay: Int, _ steps: inout [RelayStep]) {
        if state.lostAnswers > 0 {
            steps += [RelayStep(.answerIsLost, relay), RelayStep(.publishIsLost, relay)]
            if state.late == 0 { steps.append(RelayStep(.publishIsLate, relay)) }
        }
        if state.outages > 0 { steps += [RelayStep(.brokerIsAway, relay), RelayStep(.brokerGoesAway, relay)] }
    }

    func staged(_ aggregate: Int, _ state: RelayState) -> Int {
        (0..<4).count { state.rows[4 * aggregate + $0].contains(.staged) }
    }

    func hasUnpublished(_ state: RelayState) -> Bool { (0..<8).contains { state.isUnpublished($0) } }

    func isAnythingHeld(_ state: RelayState) -> Bool {
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
        case .begin:
            state.nodes[number] = UInt32(RelayBook.root)
            // Nobody sees that a round has begun, so its first look is a part of it.
            if book.nodes[RelayBook.root].call == .summary { return call(.call, of: number, &state) }
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
        case .call:
            let reads = isReadingRows(number, state)
            if let violation = call(.call, of: number, &state) { return violation }
            // The rows of all aggregates are one read.
            while reads, isReadingRows(number, state) { _ = call(.call, of: number, &state) }
        case .answerIsLost, .publishIsLost, .publishIsLate, .brokerIsAway, .brokerGoesAway, .commitIsUnknown,
            .commitIsLost:
            return call(step.kind, of: number, &state)
        }
        return nil
    }

    private func isReadingRows(_ relay: Int, _ state: RelayState) -> Bool {
        if case .rows = book.nodes[Int(state.nodes[relay])].call { return true }
        return false
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
        case .brokerIsAway:
            state.outages -= 1
            answer = .silence
        case .brokerGoesAway:
            state.outages -= 1
            violation = perform(call, &state).violation
            answer = .silence
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
