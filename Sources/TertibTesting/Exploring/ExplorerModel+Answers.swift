import TertibCore

extension ExplorerModel {
    /// What the store says to a call now; `nil` when the call waits for a neighbour's commit.
    func answer(
        to call: StoreCall, of thread: Int, in state: ExplorerState
    ) -> StoreAnswer? {
        switch call {
        case .watermarks: return rows(state)
        case .claim(let aggregates, let outdated): return claim(aggregates & ~outdated, thread, state)
        case .openDeadLetters(let aggregates): return deadLetters(of: aggregates, state)
        case .parked(let aggregate, let version): return parked(aggregate, from: version, thread, state)
        case .effect(let message): return effect(message, thread, state)
        case .outcome: return .done
        case .park(let rows): return park(rows, thread, state)
        case .deleteParked(let aggregate, let version): return delete(aggregate, through: version, thread, state)
        case .parkedCount: return StoreAnswer(UInt64(parkedRows(state).count))
        case .leftoverDrains, .dueRetries: return StoreAnswer(waking(call, state))
        case .gaps: return gaps(state)
        case .end: return .done
        }
    }

    private func rows(_ state: ExplorerState) -> StoreAnswer {
        var answer = StoreAnswer.done
        for aggregate in 0..<world.aggregates { answer[row: aggregate] = state.rows[aggregate] }
        return answer
    }

    /// Each write raises a row's revision: so a row has the expected revision if nobody has committed a change of it
    /// since it was read. What a neighbour holds counts as lost.
    private func claim(_ aggregates: UInt8, _ thread: Int, _ state: ExplorerState) -> StoreAnswer {
        var won = aggregates & state.threads[thread].unchanged
        for other in 0..<world.threads where other != thread {
            won &= ~book.nodes[Int(state.threads[other].node)].claimed
        }
        return StoreAnswer(UInt64(won))
    }

    private func deadLetters(of aggregates: UInt8, _ state: ExplorerState) -> StoreAnswer {
        var answer = StoreAnswer.done
        let failed = DeadLetterReason.allCases.firstIndex(of: .failed)
        for (index, message) in world.messages.enumerated()
        where aggregates >> UInt8(message.aggregate) & 1 == 1 && state.letters[index].exists {
            answer[0] |= 1 << UInt64(index)
            if state.letters[index].reason == failed { answer[1] |= 1 << UInt64(index) }
        }
        return answer
    }

    /// The parked rows of an aggregate as a transaction sees them, by version.
    private func visible(
        _ aggregate: Int, _ thread: Int, _ state: ExplorerState
    ) -> InlineArray<8, PackedParked> {
        var rows = InlineArray<8, PackedParked>(repeating: PackedParked())
        for version in 1...8 {
            rows[version - 1] = state.parked[ExplorerVocabulary.slot(aggregate: aggregate, version: version)]
        }
        for write in book.nodes[Int(state.threads[thread].node)].writes {
            switch write {
            case .park(let row) where world.messages[row.message].aggregate == aggregate:
                rows[world.messages[row.message].version - 1] = row
            case .deleteParked(aggregate, let through):
                for version in 1...8 where version <= through { rows[version - 1] = PackedParked() }
            default: break
            }
        }
        return rows
    }

    private func parked(
        _ aggregate: Int, from version: Int, _ thread: Int, _ state: ExplorerState
    ) -> StoreAnswer {
        var answer = StoreAnswer.done
        let rows = visible(aggregate, thread, state)
        for index in max(0, version - 1)..<8 { answer[parked: index] = rows[index] }
        return answer
    }

    private func effect(_ message: Int, _ thread: Int, _ state: ExplorerState) -> StoreAnswer? {
        let slot = vocabulary.slot(message)
        if state.effects[slot] != 0 { return .failure }
        for other in 0..<world.threads {
            for case .effect(let written) in book.nodes[Int(state.threads[other].node)].writes
            where vocabulary.slot(written) == slot {
                return other == thread ? .failure : nil
            }
        }
        return .done
    }

    private func park(_ rows: [PackedParked], _ thread: Int, _ state: ExplorerState) -> StoreAnswer? {
        var answer = StoreAnswer.done
        for (position, row) in rows.enumerated() {
            let message = world.messages[row.message]
            let existing = visible(message.aggregate, thread, state)[message.version - 1]
            if existing.exists {
                answer[parked: position] = existing
            } else if isBeingParked(row, besides: thread, state) {
                return nil
            }
        }
        return answer
    }

    private func isBeingParked(_ row: PackedParked, besides thread: Int, _ state: ExplorerState) -> Bool {
        for other in 0..<world.threads where other != thread {
            for case .park(let written) in book.nodes[Int(state.threads[other].node)].writes
            where vocabulary.slot(written.message) == vocabulary.slot(row.message) {
                return true
            }
        }
        return false
    }

    private func delete(
        _ aggregate: Int, through version: Int, _ thread: Int, _ state: ExplorerState
    ) -> StoreAnswer? {
        for other in 0..<world.threads where other != thread {
            for case .deleteParked(aggregate, _) in book.nodes[Int(state.threads[other].node)].writes { return nil }
        }
        let rows = visible(aggregate, thread, state)
        var count: UInt64 = 0
        for index in 0..<min(8, version) where rows[index].exists { count += 1 }
        return StoreAnswer(count)
    }

    private func parkedRows(_ state: ExplorerState) -> [PackedParked] {
        var rows: [PackedParked] = []
        for slot in 0..<32 where state.parked[slot].exists { rows.append(state.parked[slot]) }
        return rows
    }

    private func waiting(
        _ aggregate: Int, _ state: ExplorerState
    ) -> (row: PackedRow, parked: [PackedParked])? {
        guard state.rows[aggregate].exists else { return nil }
        let parked = parkedRows(state).filter { world.messages[$0.message].aggregate == aggregate }
        return parked.isEmpty ? nil : (state.rows[aggregate], parked)
    }

    private func waking(_ call: StoreCall, _ state: ExplorerState) -> UInt64 {
        var found: UInt64 = 0
        for aggregate in 0..<world.aggregates {
            guard let (row, parked) = waiting(aggregate, state) else { continue }
            let status = AggregateStatus.allCases[row.status]
            let isWanted =
                call == .leftoverDrains
                ? [.ok, .gap].contains(status)
                    && parked.contains { world.messages[$0.message].version == row.version + 1 }
                : status == .retrying
                    && parked.contains {
                        [.retry, .newerRevision].contains(ParkReason.allCases[$0.reason]) && $0.isDue
                    }
            if isWanted { found |= 1 << UInt64(aggregate) }
        }
        return found
    }

    private func gaps(_ state: ExplorerState) -> StoreAnswer {
        var answer = StoreAnswer.done
        for aggregate in 0..<world.aggregates {
            guard let (row, parked) = waiting(aggregate, state), let lowest = parked.first,
                [.ok, .gap, .stuck].contains(AggregateStatus.allCases[row.status]),
                world.messages[lowest.message].version > row.version + 1
            else { continue }
            answer[aggregate] = UInt64(row.version) | UInt64(lowest.message + 1) << 8
        }
        return answer
    }
}
