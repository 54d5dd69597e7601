import TertibCore

extension ConsumerWorld {
    package func describe(_ step: Step<Action>, in state: ConsumerState) -> String {
        let thread = Int(step.thread)
        let own = state.threads[thread]
        let actor =
            thread < setup.replicas
            ? "replica \(Character(UnicodeScalar(UInt8(65 + thread))))"
            : "sweeper" + (setup.sweepers > 1 ? " \(thread - setup.replicas + 1)" : "")
        let call = transaction(of: thread, in: state)?.call ?? .end
        switch step.action {
        case .deliver:
            let isCopy = state.inHand >> UInt64(2 * Int(step.message)) & 3 != 0
            return "\(actor) gets \(name(Int(step.message)))" + (isCopy ? " (a second delivery)" : "")
        case .begin: return "\(actor) begins a transaction with \(names(own.waiting))"
        case .beginAfterHold: return "\(actor) begins a transaction with \(names(own.waiting)), the hold is over"
        case .call: return "\(actor) " + describe(call, thread, state)
        case .callConflicts: return "\(actor) \(words(call)): a conflict"
        case .callFails: return "\(actor): the handler throws"
        case .commit: return "\(actor) commits" + (own.batch == 0 ? "" : " \(names(own.batch))")
        case .commitIsUnknown: return "\(actor) commits, and gets no answer"
        case .commitIsLost: return "\(actor) loses its connection at the commit"
        case .acknowledge: return "\(actor) acknowledges" + (own.phase == .acknowledging ? "" : " the rest")
        case .loseAcknowledgement: return "\(actor) acknowledges, and it does not arrive"
        case .crash: return "\(actor) crashes"
        case .giveBack: return "\(actor) gives everything back"
        case .sweep: return "\(actor) looks for what to wake"
        case .wake: return "\(actor) begins a transaction to wake \(aggregates(own.wakes))"
        case .repair: return "\(actor) begins a transaction with what it has read from the stream"
        case .timePasses: return "time passes, every retry is due"
        }
    }

    private func describe(_ call: StoreCall, _ thread: Int, _ state: ConsumerState) -> String {
        guard let answer = answer(to: call, of: thread, in: state) else { return words(call) }
        switch call {
        case .watermarks(let mask):
            let rows = mask.members.map { aggregate in
                let row = tables.watermarks[answer[aggregate]]
                let parked = row.map { $0.parked > 0 ? ", \($0.parked) parked" : "" } ?? ""
                return "\(fixtures.aggregates[aggregate]) at \(row?.version ?? .none)\(parked)"
            }
            return "reads the watermarks: " + rows.joined(separator: ", ")
        case .claim(let mask, _):
            let lost = mask & ~UInt8(truncatingIfNeeded: answer[0])
            return "claims " + aggregates(mask) + (lost == 0 ? "" : ", and loses \(aggregates(lost))")
        case .parked:
            let found = (0..<8).compactMap { tables.parked[answer[$0]] }
            let names = found.map { name(Fixtures.message(at: $0.streamSequence)) }
            return "reads the parked rows: " + (names.isEmpty ? "none" : names.joined(separator: ", "))
        default: return words(call)
        }
    }

    private func words(_ call: StoreCall) -> String {
        switch call {
        case .watermarks: "reads the watermarks"
        case .claim(let mask, _): "claims \(aggregates(mask))"
        case .openDeadLetters(let mask): "reads the dead letters of \(aggregates(mask))"
        case .parked(let aggregate, _): "reads the parked rows of \(fixtures.aggregates[aggregate])"
        case .effect(let message): "applies \(name(message))"
        case .outcome: "runs the handler to its end"
        case .park(let rows):
            "parks " + rows.map { name(Fixtures.message(at: $0.streamSequence)) }.joined(separator: ", ")
        case .deleteParked(let aggregate, let version):
            "deletes the parked rows of \(fixtures.aggregates[aggregate]) up to \(version)"
        case .parkedCount, .leftoverDrains, .dueRetries, .gaps: "looks for what to wake"
        case .end: "ends"
        }
    }

    private func names(_ tickets: UInt64) -> String { tickets.members.map { name($0 / 2) }.joined(separator: ", ") }

    private func aggregates(_ mask: UInt8) -> String {
        mask.members.map { "\(fixtures.aggregates[$0])" }.joined(separator: ", ")
    }
}
