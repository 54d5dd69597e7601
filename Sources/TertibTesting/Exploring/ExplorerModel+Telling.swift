import TertibCore

extension ExplorerModel {
    /// The steps in words, each as it happens.
    func timeline(of steps: [ExplorerStep]) -> [String] {
        var state = initialState
        return steps.map { step in
            let line = tell(step, in: state)
            _ = take(step, in: &state)
            return line
        }
    }

    /// A step in words, as it is about to happen.
    func tell(_ step: ExplorerStep, in state: ExplorerState) -> String {
        let thread = Int(step.thread)
        let own = state.threads[thread]
        let who =
            thread < world.replicas
            ? "replica \(Character(UnicodeScalar(UInt8(65 + thread))))"
            : "sweeper" + (world.sweepers > 1 ? " \(thread - world.replicas + 1)" : "")
        switch step.kind {
        case .deliver:
            let isCopy = state.inHand >> UInt64(2 * Int(step.message)) & 3 != 0
            return "\(who) gets \(name(Int(step.message)))" + (isCopy ? " (a second delivery)" : "")
        case .begin: return "\(who) begins a transaction with \(names(own.waiting))"
        case .beginAfterHold: return "\(who) begins a transaction with \(names(own.waiting)), the hold is over"
        case .call: return "\(who) " + tell(book.nodes[Int(own.node)].call, thread, state)
        case .callConflicts: return "\(who) \(words(book.nodes[Int(own.node)].call)): a conflict"
        case .callFails: return "\(who): the handler throws"
        case .commit: return "\(who) commits" + (own.batch == 0 ? "" : " \(names(own.batch))")
        case .commitIsUnknown: return "\(who) commits, and does not hear of it"
        case .commitIsLost: return "\(who) loses its connection at the commit"
        case .acknowledge: return "\(who) acknowledges" + (own.phase == .acknowledging ? "" : " the rest")
        case .loseAcknowledgement: return "\(who) acknowledges, and it does not arrive"
        case .crash: return "\(who) crashes"
        case .giveBack: return "\(who) gives everything back"
        case .sweep: return "\(who) looks for what to wake"
        case .wake: return "\(who) begins a transaction to wake \(aggregates(own.wakes))"
        case .repair: return "\(who) begins a transaction with what it has read from the stream"
        case .timePasses: return "time passes, every retry is due"
        }
    }

    private func tell(_ call: StoreCall, _ thread: Int, _ state: ExplorerState) -> String {
        guard let answer = answer(to: call, of: thread, in: state) else { return words(call) }
        switch call {
        case .watermarks(let mask):
            let rows = UInt64(mask).members.map { aggregate in
                let row = state.rows[aggregate]
                let parked = row.parked > 0 ? ", \(row.parked) parked" : ""
                return "\(vocabulary.aggregates[aggregate]) at \(row.version)\(parked)"
            }
            return "reads the watermarks: " + rows.joined(separator: ", ")
        case .claim(let mask, _):
            let won = UInt8(truncatingIfNeeded: answer[0])
            let lost = mask & ~won
            return "claims " + aggregates(mask) + (lost == 0 ? "" : ", and loses \(aggregates(lost))")
        case .parked:
            let found = (0..<8).compactMap { answer[parked: $0].exists ? name(answer[parked: $0].message) : nil }
            return "reads the parked rows: " + (found.isEmpty ? "none" : found.joined(separator: ", "))
        case .openDeadLetters, .effect, .outcome, .park, .deleteParked, .parkedCount, .leftoverDrains, .dueRetries,
            .gaps, .end:
            return words(call)
        }
    }

    private func words(_ call: StoreCall) -> String {
        switch call {
        case .watermarks: "reads the watermarks"
        case .claim(let mask, _): "claims \(aggregates(mask))"
        case .openDeadLetters(let mask): "reads the dead letters of \(aggregates(mask))"
        case .parked(let aggregate, _): "reads the parked rows of \(vocabulary.aggregates[aggregate])"
        case .effect(let message): "applies \(name(message))"
        case .outcome: "runs the handler to its end"
        case .park(let rows): "parks " + rows.map { name($0.message) }.joined(separator: ", ")
        case .deleteParked(let aggregate, let version):
            "deletes the parked rows of \(vocabulary.aggregates[aggregate]) up to \(version)"
        case .parkedCount, .leftoverDrains, .dueRetries, .gaps: "looks for what to wake"
        case .end: "ends"
        }
    }

    private func names(_ tickets: UInt64) -> String {
        tickets.members.map { name($0 / 2) }.joined(separator: ", ")
    }

    private func aggregates(_ mask: UInt8) -> String {
        UInt64(mask).members.map { "\(vocabulary.aggregates[$0])" }.joined(separator: ", ")
    }
}
