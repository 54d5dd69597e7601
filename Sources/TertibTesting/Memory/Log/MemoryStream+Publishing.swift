import TertibRuntime
import TertibCore

extension MemoryStream {
    /// Stores a message as the server does that finds these headers in it: first the size and the limits, then the id,
    /// then the expectation.
    mutating func store(_ message: WireMessage, at now: Duration, wall: Timestamp) -> PublishOutcome {
        expire(at: wall)
        if let refusal = refusal(of: message) { return .refused(refusal) }
        let id = message.values(of: Header.messageID).first
        if let id, let earlier = ids[id], now - earlier.storedAt < settings.duplicateWindow {
            return .stored(sequence: StreamSequence(earlier.sequence), isDuplicate: true)
        }
        if let text = message.values(of: Header.expectedLastSubjectSequence).first {
            let actual = messages.last(on: message.subject) ?? 0
            let expected = UInt64(String(decoding: text, as: UTF8.self))
            // Zero was enforced by every server; see StreamState.enforcesExpectations for the rest.
            if settings.enforcesExpectations || expected == 0, expected != actual {
                return .unexpected(actual: StreamSequence(actual))
            }
        }
        let latest = messages[messages.last]?.storedAt ?? wall
        let sequence = messages.append(message, at: max(wall, latest))
        if let id { ids[id] = (sequence, now) }
        if let onStored, let stored = messages[sequence] { onStored(stored) }
        for name in durables.keys.sorted() {
            guard durables[name]?.filter.matches(message.subject) == true else { continue }
            durables[name]?.pending += 1
            deal(name, at: now)
        }
        return .stored(sequence: StreamSequence(sequence), isDuplicate: false)
    }

    private func refusal(of message: WireMessage) -> EventLogError? {
        let attempted = "publish to \(message.subject)"
        guard exists, SubjectFilter(mapping.everything).matches(message.subject) else {
            return EventLogError(.unavailable, attempted: attempted, reason: "no stream takes this subject")
        }
        guard message.size <= settings.maximumMessageSize else {
            return EventLogError(
                .tooLarge, attempted: attempted,
                reason: "it has \(message.size) bytes, and the limit is \(settings.maximumMessageSize)")
        }
        if let maximum = settings.maximumMessages, messages.count >= maximum {
            return EventLogError(.full, attempted: attempted, reason: "the stream has \(maximum) messages")
        }
        return nil
    }

    /// Removes what is older than the stream keeps.
    mutating func expire(at wall: Timestamp) {
        guard let age = settings.maximumAge else { return }
        var removed = false
        while let oldest = messages[messages.first], oldest.storedAt.advanced(by: age) <= wall {
            messages.remove(messages.first)
            removed = true
        }
        if removed { recount() }
    }

    // MARK: - Removing

    mutating func remove(_ sequences: [UInt64]) {
        for sequence in sequences { messages.remove(sequence) }
        recount()
    }

    mutating func delete() {
        exists = false
        messages = MemoryMessages()
        ids = [:]
        durables = [:]
    }

    /// The end of the stream is lost, and its sequences are used again. What is said to deliveries from before reaches
    /// no message that has got the sequence of a lost one.
    mutating func loseTail(after sequence: UInt64) {
        life += 1
        messages.cut(after: sequence)
        ids = ids.filter { $0.value.sequence <= sequence }
        for name in durables.keys.sorted() { durables[name]?.forget(from: sequence + 1) }
        recount()
    }

    /// Counts anew what each durable consumer has still to deliver.
    mutating func recount() {
        for name in durables.keys.sorted() {
            guard var durable = durables[name] else { continue }
            durable.lookahead.removeAll { messages[$0] == nil }
            for sequence in durable.outstanding.keys.sorted() where messages[sequence] == nil {
                durable.settle(sequence)
            }
            let skipped = durable.skipped.count { $0 >= durable.cursor && messages[$0] != nil }
            durable.pending =
                UInt64(durable.lookahead.count) + count(matching: durable.filter, from: durable.cursor)
                - UInt64(skipped)
            durables[name] = durable
        }
    }

    func count(matching filter: SubjectFilter, from start: UInt64) -> UInt64 {
        var count: UInt64 = 0
        var sequence = max(start, messages.first)
        while sequence <= messages.last {
            if let message = messages[sequence]?.message, filter.matches(message.subject) { count += 1 }
            sequence += 1
        }
        return count
    }
}

/// A stream's messages and durable consumers at one moment.
struct MemoryBackup: Sendable {
    let messages: MemoryMessages
    let ids: [[UInt8]: (sequence: UInt64, storedAt: Duration)]
    let durables: [String: MemoryDurable]
}
