import TertibCore

extension ExplorerModel {
    /// Commits what a transaction has written, and lets the oracles look at it.
    func write(of thread: Int, _ state: inout ExplorerState) -> ExplorerViolation? {
        let node = Int(state.threads[thread].node)
        let before = state
        var touched: UInt8 = 0
        var marks = InlineArray<4, CommitFact.Marks>(repeating: [])
        for write in book.nodes[node].writes {
            switch write {
            case .row(let aggregate, let row):
                state.rows[aggregate] = row
                marks[aggregate].insert(.wroteRow)
                touched |= 1 << UInt8(aggregate)
            case .park(let row):
                state.parked[vocabulary.slot(row.message)] = row
                marks[world.messages[row.message].aggregate].insert(.changedParked)
                touched |= 1 << UInt8(world.messages[row.message].aggregate)
            case .deleteParked(let aggregate, let through):
                for version in 1...8 where version <= through {
                    let slot = ExplorerVocabulary.slot(aggregate: aggregate, version: version)
                    if state.parked[slot].exists { marks[aggregate].insert(.changedParked) }
                    state.parked[slot] = PackedParked()
                }
            case .letter(let message, let letter):
                state.letters[message] = letter
                touched |= 1 << UInt8(world.messages[message].aggregate)
            case .effect(let message):
                state.effects[vocabulary.slot(message)] = UInt8(message + 1)
                touched |= 1 << UInt8(world.messages[message].aggregate)
            }
        }
        for other in 0..<world.threads { state.threads[other].unchanged &= ~touched }
        var hasLeftovers = false
        if case .finished(let result) = book.nodes[node].end { hasLeftovers = result.hasLeftovers }
        for aggregate in 0..<world.aggregates where touched >> UInt8(aggregate) & 1 == 1 {
            // What is left over stays so until somebody comes further.
            if hasLeftovers { state.leftovers |= 1 << UInt32(aggregate) }
            if !hasLeftovers, state.rows[aggregate].version != before.rows[aggregate].version {
                state.leftovers &= ~(1 << UInt32(aggregate))
            }
            if let violation = judge(aggregate, marks[aggregate], before, state) { return violation }
        }
        return nil
    }

    private func judge(
        _ aggregate: Int, _ marks: CommitFact.Marks, _ before: ExplorerState, _ state: ExplorerState
    ) -> ExplorerViolation? {
        var fact = CommitFact()
        fact.aggregate = UInt8(aggregate)
        fact.before = before.rows[aggregate]
        fact.after = state.rows[aggregate]
        fact.marks = marks
        if state.leftovers >> UInt32(aggregate) & 1 == 1 { fact.marks.insert(.hasLeftovers) }
        for index in 0..<8 {
            let slot = ExplorerVocabulary.slot(aggregate: aggregate, version: index + 1)
            fact.parked[index] = state.parked[slot]
            fact.effectsBefore[index] = before.effects[slot]
            fact.effects[index] = state.effects[slot]
        }
        for slot in 0..<32 where state.parked[slot].exists { fact.parkedInAll += 1 }
        fact.acknowledged = state.acknowledged & vocabulary.messageMasks[aggregate]
        for message in UInt64(vocabulary.messageMasks[aggregate]).members {
            fact.letters[message] = state.letters[message]
        }
        return jury.judge(fact)
    }

    /// Lets the oracles look at an acknowledgement.
    func judgeAcknowledgement(of message: Int, _ state: ExplorerState) -> ExplorerViolation? {
        var fact = AcknowledgementFact()
        fact.message = UInt8(message)
        fact.row = state.rows[world.messages[message].aggregate]
        fact.parked = state.parked[vocabulary.slot(message)]
        let id = vocabulary.envelopes[message].id
        for other in world.messages.indices
        where state.letters[other].exists && vocabulary.envelopes[other].id == id {
            fact.isDeadLetter = 1
        }
        return jury.judge(fact)
    }

    // MARK: - At rest

    /// Lets the sweeper alone bring a state at rest to its end, and the oracles look at that.
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
        return jury.judge(
            RestFact(rows: last.rows, parked: last.parked, effects: last.effects, letters: last.letters))
    }
}
