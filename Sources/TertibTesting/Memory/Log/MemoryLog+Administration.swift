public import TertibRuntime
public import TertibCore

/// What an administrator, a foreign publisher or an accident does to the stream.
extension MemoryLog {
    /// Stores a message exactly as it is, headers of the broker's own included, as any client can.
    @discardableResult
    public func store(_ message: WireMessage) -> PublishOutcome {
        let (now, wall) = (broker.time.monotonic, broker.time.wall)
        return broker.change { $0.store(message, at: now, wall: wall) }
    }

    /// Every message, in the stream's order.
    public var messages: [LoggedMessage] {
        broker.look { stream in
            guard stream.messages.first <= stream.messages.last else { return [] }
            return (stream.messages.first...stream.messages.last).compactMap { stream.messages[$0] }
        }
    }

    /// Deletes one message.
    public func deleteMessage(_ sequence: StreamSequence) {
        broker.administer { $0.remove([sequence.number]) }
    }

    /// Deletes everything before a sequence.
    public func trim(before sequence: StreamSequence) {
        broker.administer { stream in
            guard stream.messages.first < sequence.number else { return }
            let end = min(sequence.number, stream.messages.last + 1)
            stream.remove(Array(stream.messages.first..<end))
        }
    }

    /// Deletes the messages on a subject but for the last `keep`.
    public func purge(_ subject: String, keep: Int = 0) {
        broker.administer { $0.remove(Array($0.messages.sequences(on: subject).dropLast(keep))) }
    }

    /// Loses what came after a sequence, as a power cut does to what was not yet synced: later messages get the same
    /// sequences again.
    public func loseTail(after sequence: StreamSequence) {
        broker.administer { $0.loseTail(after: sequence.number) }
    }

    /// Deletes the stream; its deliveries end.
    public func deleteStream() {
        broker.administer { stream in
            stream.delete()
            stream.endReceivers(of: nil, with: Self.deleted)
        }
    }

    private static let deleted = EventLogError(
        .streamGone, attempted: "receive", reason: "the stream was deleted",
        advice: "Restore it, or start with a fresh database.")

    /// Deletes the stream and creates it anew, empty: another time of creation, and sequences from 1.
    /// - Parameter endsDeliveries: Whether who receives learns it at once; else only ``endDeliveries()`` tells, as
    ///   servers do that let a deleted consumer's requests run out.
    public func recreateStream(endsDeliveries: Bool = true) {
        let wall = broker.time.wall
        broker.administer { stream in
            stream.delete()
            if endsDeliveries { stream.endReceivers(of: nil, with: Self.deleted) }
            stream.exists = true
            stream.createdAt = max(wall, Timestamp(microseconds: stream.createdAt.microseconds + 1))
        }
    }

    /// Tells everybody who receives from a stream that was deleted that it is gone.
    public func endDeliveries() {
        broker.administer { stream in
            for id in stream.rotation where stream.receivers[id]?.streamCreatedAt != stream.createdAt {
                stream.endReceiver(id, with: Self.deleted)
            }
        }
    }

    /// A backup of the stream and its durable consumers, as they are now.
    func backUp() -> MemoryBackup {
        broker.look { MemoryBackup(messages: $0.messages, ids: $0.ids, durables: $0.durables) }
    }

    /// Brings a deleted stream back as it was up to a sequence. It is the same stream: its time of creation stays.
    func restore(_ backup: MemoryBackup, after sequence: StreamSequence) {
        broker.administer { stream in
            (stream.messages, stream.ids, stream.durables) = (backup.messages, backup.ids, backup.durables)
            stream.exists = true
            stream.loseTail(after: sequence.number)
        }
    }

    /// Creates a durable consumer, as an administrator does for those who may only bind.
    public func createConsumer(_ subscription: Subscription) {
        broker.administer { $0.create(subscription) }
    }

    /// Deletes a durable consumer; its deliveries end.
    public func deleteConsumer(_ name: String) {
        broker.administer { stream in
            stream.durables[name] = nil
            stream.endReceivers(
                of: name,
                with: EventLogError(.consumerGone, attempted: "receive", reason: "the durable consumer was deleted"))
        }
    }

    /// Forgets what was delivered and acknowledged from a sequence on, as a killed server does: it comes again, as if
    /// for the first time.
    public func forgetDeliveries(of name: String, from sequence: StreamSequence) {
        broker.administer { stream in
            stream.durables[name]?.forget(from: sequence.number)
            stream.recount()
        }
    }

    /// The durable consumer never delivers these of the messages that it has not delivered yet, as if they were
    /// acknowledged: as nats-server 2.9 passes over what waits when one subject is purged.
    /// - Returns: how many of them.
    @discardableResult
    public func skipDeliveries(of name: String, _ sequences: [StreamSequence]) -> Int {
        let before = broker.look { $0.durables[name]?.skipped.count ?? 0 }
        broker.administer { stream in
            stream.durables[name]?.skip(Set(sequences.map(\.number)))
            stream.recount()
        }
        return broker.look { $0.durables[name]?.skipped.count ?? 0 } - before
    }

    /// What happens to the stream in the conformance suite's checks for administrators.
    public var administration: EventLogAdministration {
        EventLogAdministration(
            deleteConsumer: { self.deleteConsumer($0) }, deleteStream: { self.deleteStream() },
            deleteMessage: { self.deleteMessage($0) }, trim: { self.trim(before: $0) },
            store: { self.store($0) }, takeAway: { self.setAvailable(false) },
            bringBack: { self.setAvailable(true) })
    }
}
