import TertibCore

/// A call of a transaction whose answer depends on what the store has. What only writes is not among them: no other
/// transaction sees it before the commit.
enum StoreCall: Hashable {
    /// Aggregates, a bit each.
    case watermarks(UInt8)
    /// The rows to claim; `outdated` are those that were expected as an earlier read had them.
    case claim(UInt8, outdated: UInt8)
    case openDeadLetters(UInt8)
    case parked(aggregate: Int, from: Int)
    /// The handler's write.
    case effect(message: Int)
    /// Whether the handler of an event that may fail does.
    case outcome(message: Int)
    case park([ParkedEvent])
    case deleteParked(aggregate: Int, through: Int)
    case parkedCount, leftoverDrains, dueRetries, gaps
    /// The transaction's body has ended.
    case end
}

/// What the store says to a call, by call: up to sixteen numbers of rows, a mask, or a count.
typealias StoreAnswer = SIMD16<UInt16>

extension StoreAnswer {
    /// Nothing to say.
    static let done = StoreAnswer()
    /// The statement fails because of another transaction.
    static let conflict = StoreAnswer(repeating: .max)
    /// The statement breaks a unique key, or the handler throws.
    static let failure = StoreAnswer(first: 1)

    init(first: Int, second: Int = 0) {
        self.init(repeating: 0)
        (self[0], self[1]) = (UInt16(truncatingIfNeeded: first), UInt16(truncatingIfNeeded: second))
    }
}

/// What a transaction writes, in order; other transactions see it from the commit on.
enum StoreWrite: Hashable {
    case row(aggregate: Int, UInt16)
    case park(slot: Int, UInt16)
    case deleteParked(aggregate: Int, through: Int)
    case deadLetter(message: Int, DeadLetterMark)
    case effect(message: Int)
}

/// The database of a world of consumers: the answers to calls, by what is committed and what other transactions hold.
///
/// It has: statement snapshots of read committed (each call reads what is committed then, and what its own transaction has
/// written); row locks on watermarks, which a claim skips and counts as lost; the compare-and-set of a claim, which fails
/// if the row was changed since it was read; unique keys of effects and parked rows, at which a transaction waits for
/// another one that has inserted the same key and not committed; deletes that wait for other deletes of the same rows;
/// statements that fail with a conflict, as a deadlock or a lost lock makes them; a commit whose outcome stays unknown,
/// having happened or not; and with one writer, transactions one after the other.
///
/// It has not: limits of batches and pages, time-outs, savepoints that fail, a connection that is lost before the commit
/// (a crash stands for it), isolation below or above read committed, statements of handlers beyond one insert, a database
/// that loses what it has committed.
extension ConsumerWorld {
    /// What the store says to a call now; `nil` when the call waits for another transaction.
    func answer(to call: StoreCall, of thread: Int, in state: ConsumerState) -> StoreAnswer? {
        switch call {
        case .watermarks:
            var answer = StoreAnswer.done
            for aggregate in 0..<setup.aggregates { answer[aggregate] = state.rows[aggregate] }
            return answer
        case .claim(let aggregates, let outdated): return claim(aggregates & ~outdated, thread, state)
        case .openDeadLetters(let aggregates): return openDeadLetters(of: aggregates, state)
        case .parked(let aggregate, let version):
            let rows = visibleRows(of: aggregate, thread, state)
            var answer = StoreAnswer.done
            for index in max(0, version - 1)..<8 { answer[index] = rows[index] }
            return answer
        case .effect(let message): return effect(message, thread, state)
        case .park(let rows): return park(rows, thread, state)
        case .deleteParked(let aggregate, let version): return delete(aggregate, through: version, thread, state)
        case .parkedCount: return StoreAnswer(first: parkedCount(state))
        case .leftoverDrains, .dueRetries: return StoreAnswer(first: aggregatesToWake(call, state))
        case .gaps: return gaps(state)
        case .outcome, .end: return .done
        }
    }

    /// Each write raises a row's revision: so a row has the expected revision if no change of it was committed since it
    /// was read. What another transaction holds counts as lost.
    private func claim(_ aggregates: UInt8, _ thread: Int, _ state: ConsumerState) -> StoreAnswer {
        var won = aggregates & state.threads[thread].unchanged
        for other in 0..<setup.threads where other != thread {
            if let transaction = transaction(of: other, in: state) { won &= ~transaction.claimed }
        }
        return StoreAnswer(first: Int(won))
    }

    /// The messages that are dead letters, a bit each in the first two numbers, and in the next two which of them failed.
    private func openDeadLetters(of aggregates: UInt8, _ state: ConsumerState) -> StoreAnswer {
        var answer = StoreAnswer.done
        for (index, message) in setup.messages.enumerated()
        where aggregates >> UInt8(message.aggregate) & 1 == 1 && state.deadLetters[index].exists {
            answer[index / 16] |= 1 << UInt16(index % 16)
            if state.deadLetters[index].reason == .failed { answer[2 + index / 16] |= 1 << UInt16(index % 16) }
        }
        return answer
    }

    /// The parked rows of an aggregate as a transaction sees them, by version.
    private func visibleRows(
        of aggregate: Int, _ thread: Int, _ state: ConsumerState
    ) -> InlineArray<8, UInt16> {
        var rows = InlineArray<8, UInt16>(repeating: 0)
        let first = ConsumerState.slot(aggregate, 1)
        for index in 0..<8 { rows[index] = state.parked[first + index] }
        for write in transaction(of: thread, in: state)?.writes ?? [] {
            switch write {
            case .park(let slot, let row) where first..<first + 8 ~= slot: rows[slot - first] = row
            case .deleteParked(aggregate, let through):
                for index in 0..<min(8, through) { rows[index] = 0 }
            default: break
            }
        }
        return rows
    }

    private func effect(_ message: Int, _ thread: Int, _ state: ConsumerState) -> StoreAnswer? {
        let slot = slot(message)
        if state.effects[slot] != 0 { return .failure }
        for other in 0..<setup.threads {
            for case .effect(let written) in transaction(of: other, in: state)?.writes ?? []
            where self.slot(written) == slot {
                return other == thread ? .failure : nil
            }
        }
        return .done
    }

    /// The rows that are there already, in the order of those to park.
    private func park(_ rows: [ParkedEvent], _ thread: Int, _ state: ConsumerState) -> StoreAnswer? {
        var answer = StoreAnswer.done
        for (position, row) in rows.enumerated() {
            let slot = slot(row)
            let existing = visibleRows(of: slot / 8, thread, state)[slot % 8]
            if existing != 0 {
                answer[position] = existing
            } else if isBeingParked(slot, besides: thread, state) {
                return nil
            }
        }
        return answer
    }

    private func isBeingParked(_ slot: Int, besides thread: Int, _ state: ConsumerState) -> Bool {
        for other in 0..<setup.threads where other != thread {
            for case .park(slot, _) in transaction(of: other, in: state)?.writes ?? [] { return true }
        }
        return false
    }

    private func delete(
        _ aggregate: Int, through version: Int, _ thread: Int, _ state: ConsumerState
    ) -> StoreAnswer? {
        for other in 0..<setup.threads where other != thread {
            for case .deleteParked(aggregate, _) in transaction(of: other, in: state)?.writes ?? [] { return nil }
        }
        let rows = visibleRows(of: aggregate, thread, state)
        return StoreAnswer(first: (0..<min(8, version)).count { rows[$0] != 0 })
    }

    // MARK: - What a sweeper asks for

    private func parkedCount(_ state: ConsumerState) -> Int { (0..<32).count { state.parked[$0] != 0 } }

    /// An aggregate's watermark and parked rows, if it has any.
    private func waiting(
        _ aggregate: Int, _ state: ConsumerState
    ) -> (watermark: Watermark, parked: [ParkedEvent])? {
        let slots = ConsumerState.slot(aggregate, 1)..<ConsumerState.slot(aggregate + 1, 1)
        let parked = slots.compactMap { tables.parked[state.parked[$0]] }
        guard let watermark = tables.watermarks[state.rows[aggregate]], !parked.isEmpty else { return nil }
        return (watermark, parked)
    }

    private func aggregatesToWake(_ call: StoreCall, _ state: ConsumerState) -> Int {
        var found = 0
        for aggregate in 0..<setup.aggregates {
            guard let (watermark, parked) = waiting(aggregate, state) else { continue }
            let isWanted =
                call == .leftoverDrains
                ? [.ok, .gap].contains(watermark.status) && parked.contains { $0.version.follows(watermark.version) }
                : watermark.status == .retrying
                    && parked.contains { $0.nextAttemptAt.map { $0 <= Fixtures.now } ?? false }
            if isWanted { found |= 1 << aggregate }
        }
        return found
    }

    /// The lowest parked row of each aggregate that has a gap before it.
    private func gaps(_ state: ConsumerState) -> StoreAnswer {
        var answer = StoreAnswer.done
        for aggregate in 0..<setup.aggregates {
            guard let (watermark, parked) = waiting(aggregate, state), let lowest = parked.first,
                [.ok, .gap, .stuck].contains(watermark.status),
                lowest.version.number > watermark.version.number + 1
            else { continue }
            answer[2 * aggregate] = state.rows[aggregate]
            answer[2 * aggregate + 1] = tables.number(of: lowest)
        }
        return answer
    }
}
