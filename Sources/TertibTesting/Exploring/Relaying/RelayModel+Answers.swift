import TertibRuntime
import TertibCore

extension RelayModel {
    /// What store or stream does at a call, and says.
    func perform(
        _ call: RelayCall, _ state: inout RelayState
    ) -> (answer: RelayAnswer, violation: ExplorerViolation?) {
        switch call {
        case .summary: (.number((0..<8).count { state.isUnpublished($0) }), nil)
        case .claim(let limit): (claim(limit, &state), nil)
        case .rows(let aggregate):
            (
                .rows(
                    (0..<4).map { 4 * aggregate + $0 }.filter { state.isUnpublished($0) }
                        .reduce(0) { $0 | 1 << UInt8($1) }), nil
            )
        case .publish(let entry, let expected): store(entry, expected: expected, &state)
        case .message(let sequence): (message(at: sequence, state), nil)
        case .first(let aggregate, let from): (message(at: first(aggregate, from: from, state), state), nil)
        case .last(let aggregate): (message(at: state.last(of: aggregate), state), nil)
        case .state: (.number(state.count), nil)
        case .mark(let published, let later): (mark(published, later, &state), nil)
        }
    }

    /// The lowest unpublished row of each aggregate, if nobody holds it.
    private func claim(_ limit: Int, _ state: inout RelayState) -> RelayAnswer {
        var lowest: [Int] = []
        for aggregate in world.versions.indices {
            let row = (0..<4).map { 4 * aggregate + $0 }.first {
                state.isUnpublished($0) && !(world.handsOutAnyRow && state.rows[$0].contains(.held))
            }
            if let row, !state.rows[row].contains(.held) { lowest.append(row) }
        }
        var mask: UInt8 = 0
        for row in lowest.prefix(limit) {
            mask |= 1 << UInt8(row)
            state.rows[row].insert(.held)
        }
        return .claims(
            mask, heads: (0..<2).map { SIMD2(Int(state.published[$0]), Int(state.places[$0])) })
    }

    /// First the id, then the expectation, as the server does it.
    func store(
        _ entry: UInt8, expected: Int?, _ state: inout RelayState
    ) -> (answer: RelayAnswer, violation: ExplorerViolation?) {
        for index in Int(state.forgotten)..<max(state.count, Int(state.forgotten)) where state.stream[index] == entry {
            return (.stored(index + 1, isDuplicate: true), nil)
        }
        let last = state.last(of: RelayState.aggregate(of: entry))
        if world.isFenced, let expected, expected != last { return (.unexpected(last), nil) }
        guard state.count < 16 else {
            return (.unexpected(last), jury.judge(.halted("relays fill the stream for ever")))
        }
        let before = state
        state.stream[state.count] = entry
        return (.stored(state.count, isDuplicate: false), jury.judge(entry, storedIn: before))
    }

    private func message(at sequence: Int, _ state: RelayState) -> RelayAnswer {
        guard sequence >= 1, sequence <= state.count else { return .message(sequence: 0, entry: 0, predecessor: 0) }
        var predecessor = 0
        let aggregate = RelayState.aggregate(of: state.stream[sequence - 1])
        for index in 0..<(sequence - 1) where RelayState.aggregate(of: state.stream[index]) == aggregate {
            predecessor = index + 1
        }
        return .message(sequence: sequence, entry: state.stream[sequence - 1], predecessor: predecessor)
    }

    private func first(_ aggregate: Int, from: Int, _ state: RelayState) -> Int {
        guard from <= state.count else { return 0 }
        return (max(1, from)...state.count).first { RelayState.aggregate(of: state.stream[$0 - 1]) == aggregate } ?? 0
    }

    /// A head goes forward, never back.
    private func mark(_ published: [Int: Int], _ later: [Int], _ state: inout RelayState) -> RelayAnswer {
        for (event, sequence) in published {
            state.rows[event].insert(.published)
            state.rows[event].remove(.held)
            let (aggregate, version) = (event / 4, UInt8(event % 4 + 1))
            if state.published[aggregate] < version {
                state.published[aggregate] = version
                state.places[aggregate] = UInt8(sequence)
            }
        }
        for event in later where state.isUnpublished(event) { state.rows[event].insert(.held) }
        return .done
    }

    // MARK: - At rest

    /// Lets one relay alone publish what is left, and the oracles look at what comes of it.
    /// - Returns: what they have found, and the relay's steps up to it when it is something that it did.
    func checkRest(_ state: RelayState) -> (violation: ExplorerViolation?, steps: [RelayStep]) {
        var last = state
        var steps: [RelayStep] = []
        for _ in 0..<16 where hasUnpublished(last) {
            if isAnythingHeld(last) { steps.append(RelayStep(.timePasses)) }
            _ = take(RelayStep(.timePasses), in: &last)
            steps.append(RelayStep(.begin, 0))
            if let violation = take(RelayStep(.begin, 0), in: &last) { return (violation, steps) }
            while last.nodes[0] != 0 {
                steps.append(RelayStep(.call, 0))
                if let violation = take(RelayStep(.call, 0), in: &last) { return (violation, steps) }
            }
        }
        // What is missing then is seen without the rounds that did not help.
        return (jury.judgeRest(last), [])
    }
}
