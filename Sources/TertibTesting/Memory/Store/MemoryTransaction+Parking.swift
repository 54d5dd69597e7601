import TertibRuntime
import TertibCore

extension MemoryTransaction {
    func parked(
        _ consumer: ConsumerName, of aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) throws -> [ParkedEvent] {
        try perform(.parked) { core, snapshot in
            let rows = core.records(
                in: .parked, beginningWith: MemoryKey(consumer, aggregate), for: id, on: snapshot)
            return Array(rows.compactMap(\.record.parked).filter { $0.version >= version }.prefix(limit))
        }
    }

    func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        try perform(.park) { core, _ in
            var there: [ParkedEvent] = []
            for event in events {
                let key = MemoryKey(consumer, event.aggregate, event.version)
                if let row = core.record(key, in: .parked, for: id)?.parked {
                    there.append(row)
                } else {
                    try core.lock(key, in: .parked, for: id)
                    core.put(.parked(event), at: key, in: .parked, by: id)
                }
            }
            return there
        }
    }

    func replaceParked(_ consumer: ConsumerName, _ event: ParkedEvent) throws {
        try perform(.replaceParked) { core, _ in
            let key = MemoryKey(consumer, event.aggregate, event.version)
            try core.lock(key, in: .parked, for: id)
            core.put(.parked(event), at: key, in: .parked, by: id)
        }
    }

    func deleteParked(
        _ consumer: ConsumerName, of aggregate: Aggregate, through version: AggregateVersion
    ) throws -> Int {
        try perform(.deleteParked) { core, snapshot in
            var count = 0
            let rows = core.records(
                in: .parked, beginningWith: MemoryKey(consumer, aggregate), for: id, on: snapshot)
            for (key, record) in rows {
                guard let event = record.parked, event.version <= version else { continue }
                try core.lock(key, in: .parked, for: id)
                guard core.record(key, in: .parked, for: id) != nil else { continue }
                core.put(nil, at: key, in: .parked, by: id)
                count += 1
            }
            return count
        }
    }

    func saveDeadLetter(_ consumer: ConsumerName, _ deadLetter: DeadLetter) throws {
        try perform(.keep) { core, _ in
            let key = MemoryKey(
                .text(consumer.text), .integer(deadLetter.streamCreatedAt.microseconds),
                .integer(Int64(bitPattern: deadLetter.streamSequence.number)))
            try core.lock(key, in: .deadLetter, for: id)
            var kept = deadLetter
            if case .deadLetter(let before, _)? = core.record(key, in: .deadLetter, for: id) {
                kept = before
                kept.reason = deadLetter.reason
                kept.error = deadLetter.error
                kept.attempts = deadLetter.attempts
                kept.lastFailedAt = deadLetter.lastFailedAt
            }
            core.put(.deadLetter(kept, isOpen: true), at: key, in: .deadLetter, by: id)
        }
    }

    func openDeadLetters(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [DeadLetterKey] {
        try perform(.openDeadLetters) { core, snapshot in
            let wanted = Set(aggregates)
            let rows = core.records(
                in: .deadLetter, beginningWith: MemoryKey(.text(consumer.text)), for: id, on: snapshot)
            let letters = rows.compactMap(\.record.openDeadLetter).sorted { left, right in
                (left.firstFailedAt, left.streamSequence) < (right.firstFailedAt, right.streamSequence)
            }
            return letters.compactMap { letter in
                guard let aggregate = letter.aggregate, let version = letter.version, wanted.contains(aggregate)
                else { return nil }
                return DeadLetterKey(
                    aggregate: aggregate, version: version, eventID: letter.eventID, reason: letter.reason,
                    streamSequence: letter.streamSequence)
            }
        }
    }
}
