import TertibRuntime
import TertibCore

/// What happens to the stream as a whole.
extension SimulatedWorld {
    /// The broker loses power: it comes back without its last messages, although it had acknowledged them. Of those that
    /// others had published every second one is published again.
    func loseTail(_ count: Int, lasting: Duration) async {
        log.setAvailable(false)
        await time.pass(lasting)
        let kept = last(without: count)
        let lost = log.messages.filter { $0.sequence > kept }
        if !lost.isEmpty {
            meet(.lostTail)
            log.loseTail(after: kept)
            forget(after: kept)
        }
        log.setAvailable(true)
        publishAgain(lost)
    }

    /// The stream is deleted, and comes back from a backup that lacks its last messages.
    func restore(without count: Int, lasting: Duration) async {
        let backup = log.backUp()
        let kept = last(without: count)
        let lost = log.messages.filter { $0.sequence > kept }
        hasLostStream = true
        log.deleteStream()
        await time.pass(lasting)
        guard recreatedAt == nil else { return }
        log.restore(backup, after: kept)
        forget(after: kept)
        publishAgain(lost)
    }

    /// The stream is deleted and created anew. It has events of every aggregate at once, and the replicas learn a moment
    /// later that they receive nothing any more.
    func recreate(lasting: Duration) async {
        // A database that knows no stream yet would follow the new one, and rightly so.
        guard database?.committed[.registration].records.isEmpty == false else { return }
        hasLostStream = true
        recreatedAt = scheduler.now
        log.recreateStream(endsDeliveries: false)
        observe(.recreated)
        forget(after: .none)
        for aggregate in Set(plan.events.map(\.aggregate)).sorted() {
            for version in 1...8 {
                let event = SimulationPlan.Event(at: 0, aggregate: aggregate, version: version, kind: .fork)
                if let message = message(of: event) { log.store(message) }
            }
        }
        await time.pass(lasting)
        log.endDeliveries()
    }

    /// The oldest messages are deleted. What was appended last to an aggregate stays as long as the database does not know
    /// of it: between an append and the note of its version nothing but the stream has it.
    func trim(keeping count: Int) {
        let last = log.broker.look { $0.messages.last }
        guard last > UInt64(count) else { return }
        var first = last - UInt64(count) + 1
        let heads = database?.committed[.head]
        for message in log.messages {
            guard let event = events[message.sequence], event.aggregate.type == names.account else { continue }
            let known = heads?[MemoryKey(event.aggregate)]?.head?.version ?? .none
            if event.version > known { first = min(first, message.sequence.number) }
        }
        log.trim(before: StreamSequence(first))
        observe(.trimmed(before: StreamSequence(first)))
    }

    /// Where the stream ends without its last messages. Those that are dead letters, or may become one while a replica
    /// still has them in hand, stay: a dead letter is known by its sequence, and one of another message that has got the
    /// same sequence would share its row.
    private func last(without count: Int) -> StreamSequence {
        let letters = rest(idleCalls: 0).deadLetters.map(\.streamSequence.number).max() ?? 0
        let hostile = log.messages.last { mayBecomeDeadLetter($0) }?.sequence.number ?? 0
        return log.broker.look { stream in
            let last = stream.messages.last > UInt64(count) ? stream.messages.last - UInt64(count) : 0
            return StreamSequence(
                max(stream.messages.first - 1, last, min(max(letters, hostile), stream.messages.last)))
        }
    }

    private func mayBecomeDeadLetter(_ message: LoggedMessage) -> Bool {
        guard let event = events[message.sequence] else { return true }
        let hasFork = plan.events.contains {
            $0.kind == .fork && $0.version == Int(event.version.number) && $0.aggregate == "\(event.aggregate)"
        }
        return hasFork
            || plan.failing(plan.options.maxAttempts).contains(.init(event.aggregate, event.version))
    }

    private func forget(after last: StreamSequence) {
        reusesSequences = true
        note("the stream ends with message \(last) now")
        observe(.lostTail(after: last))
    }

    /// The broker passes over some messages that it has not delivered. Each has a later version of its aggregate behind
    /// it, or nothing would ever tell of it.
    func skip(_ count: Int) {
        let stored = log.messages.compactMap { message in
            events[message.sequence].map { (sequence: message.sequence, event: $0) }
        }
        var left = count
        for (index, (sequence, event)) in stored.enumerated() where left > 0 && event.aggregate.type == names.product {
            let hasSuccessor = stored[(index + 1)...].contains { later in
                later.event.aggregate == event.aggregate && later.event.version > event.version
            }
            guard hasSuccessor, log.skipDeliveries(of: Self.durable, [sequence]) > 0 else { continue }
            left -= 1
            meet(.skipped)
            note("the broker passes over message \(sequence)")
        }
    }

    private func publishAgain(_ lost: [LoggedMessage]) {
        for (index, message) in lost.enumerated() where index.isMultiple(of: 2) {
            guard let event = try? names.codec.decode(message.message), event.aggregate.type == names.product else {
                continue
            }
            log.store(message.message)
        }
    }

    /// Waits until every replica has stopped because its stream is another one.
    func beRefused(since start: Duration, until deadline: Duration) async {
        while !isRefused(since: start), scheduler.now < deadline { await time.pass(.milliseconds(200)) }
        await time.pass(.seconds(2))  // in which they are started again, and refused
        var rest = rest(idleCalls: 0)
        rest.isStopped = isRefused(since: start)
        observe(.rest(rest))
    }

    private func isRefused(since start: Duration) -> Bool {
        slots.allSatisfy { slot in !slot.isWanted || (slot.lastRefusal ?? .zero) > start }
    }
}
