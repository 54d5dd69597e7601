import TertibCore

extension ExplorerModel {
    /// Commits what a transaction has written, and lets the oracles look at it.
    func write(of thread: Int, _ state: inout ExplorerState) -> ExplorerViolation? {
        let node = Int(state.threads[thread].node)
        var touched: UInt8 = 0
        let before = state.rows
        var raised = 0
        for write in book.nodes[node].writes {
            switch write {
            case .row(let aggregate, let row):
                state.rows[aggregate] = row
                touched |= 1 << UInt8(aggregate)
            case .park(let row):
                state.parked[vocabulary.slot(row.message)] = row
                touched |= 1 << UInt8(world.messages[row.message].aggregate)
            case .deleteParked(let aggregate, let through):
                for version in 1...8 where version <= through {
                    state.parked[ExplorerVocabulary.slot(aggregate: aggregate, version: version)] = PackedParked()
                }
            case .letter(let message, let letter): state.letters[message] = letter
            case .effect(let message):
                state.effects[vocabulary.slot(message)] = UInt8(message + 1)
                touched |= 1 << UInt8(world.messages[message].aggregate)
                raised += 1
            }
        }
        for other in 0..<world.threads { state.threads[other].unchanged &= ~touched }
        var hasLeftovers = false
        if case .finished(let result) = book.nodes[node].end { hasLeftovers = result.hasLeftovers }
        for aggregate in 0..<world.aggregates where touched >> UInt8(aggregate) & 1 == 1 {
            let rise = state.rows[aggregate].version - before[aggregate].version
            raised -= rise
            // What is left over stays so until somebody comes further.
            if hasLeftovers { state.leftovers |= 1 << UInt32(aggregate) }
            if !hasLeftovers, rise != 0 { state.leftovers &= ~(1 << UInt32(aggregate)) }
            if let violation = check(aggregate, before: before[aggregate], state) { return violation }
        }
        guard raised == 0 else {
            return ExplorerViolation(
                oracle: "contiguous watermarks", finding: "the effects and the watermarks do not go together")
        }
        return nil
    }

    /// What holds of one aggregate in every committed state.
    private func check(
        _ aggregate: Int, before: PackedRow, _ state: ExplorerState
    ) -> ExplorerViolation? {
        let row = state.rows[aggregate]
        let name = "\(vocabulary.aggregates[aggregate])"
        if row.version < before.version {
            return ExplorerViolation(
                oracle: "contiguous watermarks", finding: "\(name) went from \(before.version) to \(row.version)")
        }
        var parked = 0
        for version in 1...8 {
            let slot = ExplorerVocabulary.slot(aggregate: aggregate, version: version)
            if (state.effects[slot] != 0) != (version <= row.version) {
                return ExplorerViolation(
                    oracle: "contiguous watermarks",
                    finding: "\(name) stands at \(row.version); the effect of \(version) "
                        + (state.effects[slot] == 0 ? "is missing" : "is there"))
            }
            guard state.parked[slot].exists else { continue }
            parked += 1
            if version <= row.version {
                return ExplorerViolation(
                    oracle: "parked rows above the watermark",
                    finding: "\(name) stands at \(row.version), and \(version) is parked")
            }
            if let violation = check(state.parked[slot], state) { return violation }
        }
        if parked != row.parked {
            return ExplorerViolation(
                oracle: "parked rows are counted", finding: "\(name) has \(parked) parked rows and says \(row.parked)")
        }
        return checkStatus(aggregate, parked: parked, state) ?? checkAcknowledged(aggregate, state)
    }

    private func check(_ parked: PackedParked, _ state: ExplorerState) -> ExplorerViolation? {
        let behaviour = world.messages[parked.message].behaviour
        let reason = ParkReason.allCases[parked.reason]
        if behaviour == .applies, parked.attempts > 0 || reason == .retry {
            return ExplorerViolation(
                oracle: "the right event is blamed", finding: "\(name(parked.message)) is to be tried again")
        }
        if state.letters[parked.message].exists {
            return ExplorerViolation(
                oracle: "a dead letter does not come back", finding: "\(name(parked.message)) is parked as well")
        }
        return nil
    }

    private func checkStatus(
        _ aggregate: Int, parked: Int, _ state: ExplorerState
    ) -> ExplorerViolation? {
        let row = state.rows[aggregate]
        let name = vocabulary.aggregates[aggregate]
        let status = AggregateStatus.allCases[row.status]
        for (index, message) in world.messages.enumerated() where message.aggregate == aggregate {
            if DeadLetterReason.allCases.firstIndex(of: .failed) == state.letters[index].reason,
                message.behaviour == .applies || state.letters[index].attempts < world.maxAttempts
            {
                return ExplorerViolation(
                    oracle: "the right event is blamed", finding: "\(self.name(index)) is a dead letter")
            }
        }
        guard [.ok, .gap, .stuck].contains(status) else { return nil }
        if status == .ok, parked > 0 || status == .gap, parked == 0 {
            return ExplorerViolation(
                oracle: "parked rows are counted", finding: "\(name) is \(status) with \(parked) parked rows")
        }
        guard row.version < 8, state.leftovers >> UInt32(aggregate) & 1 == 0 else { return nil }
        let next = ExplorerVocabulary.slot(aggregate: aggregate, version: row.version + 1)
        guard state.parked[next].exists else { return nil }
        return ExplorerViolation(
            oracle: "no drain is missed",
            finding:
                "\(name) stands at \(row.version), and \(row.version + 1) is parked although nothing stands in its way")
    }

    private func checkAcknowledged(_ aggregate: Int, _ state: ExplorerState) -> ExplorerViolation? {
        for message in world.messages.indices
        where world.messages[message].aggregate == aggregate && state.acknowledged >> UInt32(message) & 1 == 1 {
            if !isAccounted(message, state) {
                return ExplorerViolation(
                    oracle: "nothing is dropped",
                    finding: "\(name(message)) was acknowledged, and the database does not have it any more")
            }
        }
        return nil
    }

    /// Whether the database shows what became of a message: applied, parked, or a dead letter. Another event of a
    /// version below the watermark cannot be told from a duplicate.
    func isAccounted(_ message: Int, _ state: ExplorerState) -> Bool {
        let id = vocabulary.envelopes[message].id
        for other in world.messages.indices where vocabulary.envelopes[other].id == id {
            if state.letters[other].exists { return true }
        }
        let slot = vocabulary.slot(message)
        if state.effects[slot] != 0 {
            let isSame = vocabulary.envelopes[Int(state.effects[slot]) - 1].id == id
            if isSame || world.messages[message].version < state.rows[world.messages[message].aggregate].version {
                return true
            }
        }
        return state.parked[slot].exists && vocabulary.envelopes[state.parked[slot].message].id == id
    }

    // MARK: - At rest

    /// Lets the sweeper alone bring a state at rest to its end, and checks that it is the right one.
    func checkRest(_ state: ExplorerState) -> ExplorerViolation? {
        var last = state
        let sweeper = world.replicas
        for _ in 0..<(3 * world.messages.count + 3 * world.maxAttempts) where isAnythingParked(last) {
            _ = take(ExplorerStep(.timePasses), in: &last)
            last.allowance[Fault.sweep.rawValue] = 1
            if let violation = take(ExplorerStep(.sweep, sweeper), in: &last) { return violation }
            while last.threads[sweeper].hasSomething {
                let own = last.threads[sweeper]
                let isEnded = book.nodes[Int(own.node)].end != nil
                let kind: ExplorerStep.Kind =
                    own.phase == .running ? (isEnded ? .commit : .call) : own.wakes != 0 ? .wake : .repair
                if let violation = take(ExplorerStep(kind, sweeper), in: &last) { return violation }
            }
        }
        for aggregate in 0..<world.aggregates {
            if let violation = checkEnd(aggregate, last) { return violation }
        }
        return nil
    }

    private func checkEnd(_ aggregate: Int, _ state: ExplorerState) -> ExplorerViolation? {
        let name = vocabulary.aggregates[aggregate]
        let own = world.messages.enumerated().filter { $0.element.aggregate == aggregate }
        let versions = own.map(\.element.version).max() ?? 0
        let failing = own.first { $0.element.behaviour == .fails }
        let row = state.rows[aggregate]
        let isQuarantined = AggregateStatus.allCases[row.status] == .quarantined
        if let failing, !state.letters[failing.offset].exists || !isQuarantined {
            return ExplorerViolation(
                oracle: "comes to rest", finding: "\(name): \(self.name(failing.offset)) is no dead letter")
        }
        let hasFailed = own.contains { isFailed(state.letters[$0.offset]) }
        guard failing == nil, !hasFailed else { return nil }
        if row.version != versions || row.parked > 0 {
            return ExplorerViolation(
                oracle: "comes to rest",
                finding: "\(name) stays at \(row.version) of \(versions) with \(row.parked) parked rows")
        }
        for (index, message) in own
        where message.branch > 0
            || own.contains(where: { $0.element.branch > 0 && $0.element.version == message.version })
        {
            let slot = vocabulary.slot(index)
            let isApplied = vocabulary.envelopes[Int(state.effects[slot]) - 1].id == vocabulary.envelopes[index].id
            let hasLetter = own.contains {
                vocabulary.envelopes[$0.offset].id == vocabulary.envelopes[index].id && state.letters[$0.offset].exists
            }
            if isApplied == hasLetter {
                return ExplorerViolation(
                    oracle: "no fork is silent", finding: "\(self.name(index)) is one of two, and it does not show")
            }
        }
        return nil
    }

    private func isFailed(_ letter: PackedLetter) -> Bool {
        letter.exists && DeadLetterReason.allCases[letter.reason] == .failed
    }
}
