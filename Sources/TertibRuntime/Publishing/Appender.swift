import Logging
import Synchronization
import TertibCore

/// Appends events where the stream is the truth: the broker enforces the expected version.
///
/// With a store, versions never start again. What was trimmed goes on behind the head that the store knows; a stream that
/// has lost the head's event, or was created anew, is refused. Three things it cannot know: a version whose writer died
/// before it noted the head, and whose aggregate's history was then deleted altogether, is given again; so is one that
/// was appended and deleted with the whole history while a writer that had found the subject empty stood still, for the
/// broker then finds it empty too; and where the place of a lost event has been trimmed since, the loss looks like
/// trimming, so that versions go on behind it.
struct Appender: Sendable {
    let log: any EventLog
    let store: (any ConsumerStore)?
    let staging: Staging
    let publisher: Publisher
    let stream = CheckedStream()

    /// Where an aggregate's history stands.
    struct Position: Sendable {
        var version: AggregateVersion
        /// The last message on the subject, whatever it is: what the next publish expects.
        var last: StreamSequence
    }

    /// Appends events, the first one after `expected`; without an expectation after whatever the aggregate has, again
    /// and again while other writers are faster.
    func append(
        _ events: [NewEvent], to aggregate: Aggregate, expecting expected: AggregateVersion?
    ) async throws -> [PublishReceipt] {
        var losses = 0
        while true {
            do {
                return try await appendOnce(events, to: aggregate, expecting: expected)
            } catch let conflict as VersionConflict {
                guard expected == nil, losses < Self.lossLimit else { throw conflict }
                losses += 1
                let bound = Duration.milliseconds(1) * (1 << min(losses, 7))
                try await staging.context.time.sleep(for: staging.context.jitter(upTo: bound))
            }
        }
    }

    /// At most so many races are lost before the caller is told.
    private static let lossLimit = 50

    private func appendOnce(
        _ events: [NewEvent], to aggregate: Aggregate, expecting expected: AggregateVersion?
    ) async throws -> [PublishReceipt] {
        let attempted = "append to \(aggregate)"
        let stream = try await checkedStream(attempted: attempted)
        let head = try await head(of: aggregate)
        var position = try await position(of: aggregate, head: head)
        var receipts: [PublishReceipt] = []
        if let expected, expected != position.version {
            let conflict = VersionConflict(aggregate: aggregate, expected: expected, actual: position.version)
            receipts = try await earlier(events, of: aggregate, after: expected, position, stream)
            guard let last = receipts.last else { throw conflict }
            if receipts.count == events.count { return receipts }
            guard last.version == position.version else {
                throw PartialAppend(receipts: receipts, underlying: conflict)
            }
        }
        do {
            for event in events.dropFirst(receipts.count) {
                let receipt = try await append(event, to: aggregate, at: position, stream: stream)
                receipts.append(receipt)
                position = Position(version: receipt.version, last: receipt.sequence)
            }
        } catch {
            guard let last = receipts.last else { throw error }
            await record(last)
            if PlantedBug.partialAppendForgotten.isActive { throw error }
            throw PartialAppend(receipts: receipts, underlying: error)
        }
        if let last = receipts.last { await record(last) }
        return receipts
    }

    private func append(
        _ event: NewEvent, to aggregate: Aggregate, at position: Position, stream: StreamName
    ) async throws -> PublishReceipt {
        guard let version = position.version.next else {
            throw PublishingError(
                .versionsExhausted, attempted: "append to \(aggregate)", reason: "it has the highest version")
        }
        let envelope = try staging.envelope(
            for: event, aggregate: aggregate, version: version, cause: TraceContext.current)
        switch try await publisher.publish(envelope, expecting: position.last) {
        case .stored(let sequence, let isDuplicate):
            return PublishReceipt(
                aggregate: aggregate, version: version, eventID: envelope.id, stream: stream, sequence: sequence,
                isDuplicate: isDuplicate)
        case .superseded:
            let actual = try await self.position(of: aggregate, head: nil)
            throw VersionConflict(aggregate: aggregate, expected: position.version, actual: actual.version)
        case .undecided(let error):
            throw PublishingError(
                .undecided, attempted: "append version \(version) to \(aggregate)",
                reason: "the broker did not say whether it is stored: \(error.reason)",
                advice: "Append again with the same event id (\(envelope.id)) and expectation: an event that was "
                    + "stored is recognised.")
        }
    }

    /// A retry after an unknown outcome: which of the events, from the first on, are there already, perhaps with another
    /// writer's behind them. Events without an id of the caller's cannot be recognised.
    private func earlier(
        _ events: [NewEvent], of aggregate: Aggregate, after expected: AggregateVersion, _ position: Position,
        _ stream: StreamName
    ) async throws -> [PublishReceipt] {
        guard expected < position.version, events.allSatisfy({ $0.id != nil }) else { return [] }
        var receipts: [PublishReceipt] = []
        var wanted = expected.next
        for entry in try await history(of: aggregate) {
            guard receipts.count < events.count, let version = wanted, entry.version == version,
                entry.eventID == events[receipts.count].id
            else { continue }
            receipts.append(
                PublishReceipt(
                    aggregate: aggregate, version: version, eventID: entry.eventID, stream: stream,
                    sequence: entry.sequence, isDuplicate: true))
            wanted = version.next
        }
        return receipts
    }
}

extension Appender {
    /// Refuses a stream that cannot keep append's promises.
    private func checkedStream(attempted: String) async throws -> StreamName {
        if let name = stream.name { return name }
        let state = try await log.state()
        guard state.enforcesExpectations else {
            throw PublishingError(
                .unsafeStream, attempted: attempted,
                reason: "this broker does not enforce expected versions on a replicated stream",
                advice: "Upgrade every nats-server of the cluster to 2.9.21 or later, or use one replica.")
        }
        if store == nil, let age = state.maximumAge {
            throw PublishingError(
                .unsafeStream, attempted: attempted,
                reason: "the stream forgets events after \(age), and without a store versions would start again",
                advice: "Give the service a store, or remove the stream's maximum age.")
        }
        stream.remember(state.name)
        return state.name
    }

    private func head(of aggregate: Aggregate) async throws -> AggregateHead? {
        guard let store else { return nil }
        return try await store.read { try $0.head(of: aggregate) }
    }

    /// Remembers the head, so that versions never start again where history was trimmed. A neighbour that was faster
    /// has remembered a later one. The event is in the stream whatever happens here: a failure is not the caller's, the
    /// next append reads the stream too and makes it good.
    private func record(_ receipt: PublishReceipt) async {
        guard let store else { return }
        let next = AggregateHead(
            aggregate: receipt.aggregate, version: receipt.version, publishedVersion: receipt.version,
            eventID: receipt.eventID, streamSequence: receipt.sequence)
        do {
            try await store.transactionRetryingConflicts(staging.context) { transaction in
                let current = try transaction.head(of: receipt.aggregate)
                if let current, current.version >= next.version { return }
                guard try transaction.compareAndSetHead(current, to: next) else {
                    throw StoreError(
                        .conflict, attempted: "remember the head of \(receipt.aggregate)", reason: "a race")
                }
            }
        } catch {
            staging.context.logger.warning(
                "an appended event's version could not be remembered, the next append will",
                metadata: [LogKey.aggregate: "\(receipt.aggregate)", LogKey.error: "\(error)"])
        }
    }

    /// The aggregate's current version: the highest well-formed one on its subject. The last message proves it by its
    /// pointer to the version before; else the subject is read from its first message.
    func position(of aggregate: Aggregate, head: AggregateHead?) async throws -> Position {
        let subject = staging.codec.mapping.subject(of: aggregate)
        let newest = try await log.lastMessage(on: subject, from: .leader)
        if let head, (newest?.sequence ?? .none) < head.streamSequence {
            try await refuseLostTail(head, subject: subject, isEmpty: newest == nil)
        }
        guard let last = newest else {
            // The head is read again: what another writer has appended since and was trimmed already is noted there.
            let head = try await self.head(of: aggregate)
            return Position(version: head?.version ?? .none, last: .none)
        }
        if let head, head.streamSequence == last.sequence, head.publishedVersion == head.version {
            return Position(version: head.version, last: last.sequence)
        }
        if let version = try await provenVersion(of: last, aggregate) {
            return Position(version: max(version, head?.version ?? .none), last: last.sequence)
        }
        let known = try await history(of: aggregate)
        let highest = known.map(\.version).max() ?? .none
        return Position(
            version: max(highest, head?.version ?? .none), last: max(known.last?.sequence ?? .none, last.sequence))
    }

    /// What the stream acknowledged and no longer has was trimmed, together with everything before it; else it was lost,
    /// and a next version would leave a hole behind it.
    private func refuseLostTail(_ head: AggregateHead, subject: String, isEmpty: Bool) async throws {
        let state = try await log.state()
        let stored = try await log.message(at: head.streamSequence, from: .leader)
        if stored?.message.subject == subject { return }
        if isEmpty, stored == nil, head.streamSequence <= state.lastSequence { return }
        throw PublishingError(
            .unsafeStream, attempted: "append to \(head.aggregate)",
            reason: "the stream has lost version \(head.publishedVersion), which it had acknowledged at sequence "
                + "\(head.streamSequence)",
            advice: "Restore the stream, or publish the lost events again before anything new.")
    }

    /// The version of a last message that was published with an expectation: then its writer had read the history.
    private func provenVersion(of last: LoggedMessage, _ aggregate: Aggregate) async throws -> AggregateVersion? {
        guard let envelope = try? staging.codec.decode(last.message), let pointer = last.message.predecessor else {
            return nil
        }
        if pointer == .none { return envelope.version == .first ? envelope.version : nil }
        guard let before = try await log.message(at: pointer, from: .leader),
            let predecessor = try? staging.codec.decode(before.message), predecessor.aggregate == aggregate,
            envelope.version.follows(predecessor.version)
        else { return nil }
        return envelope.version
    }

    /// An event on an aggregate's subject, without its payload.
    private struct HistoryEntry {
        let sequence: StreamSequence
        let version: AggregateVersion
        let eventID: EventID
    }

    /// The well-formed events on an aggregate's subject, in the stream's order.
    private func history(of aggregate: Aggregate) async throws -> [HistoryEntry] {
        let subject = staging.codec.mapping.subject(of: aggregate)
        var entries: [HistoryEntry] = []
        var position = StreamSequence(1)
        while let message = try await log.firstMessage(on: subject, from: position, source: .leader) {
            if let envelope = try? staging.codec.decode(message.message) {
                entries.append(
                    HistoryEntry(sequence: message.sequence, version: envelope.version, eventID: envelope.id))
            }
            position = StreamSequence(message.sequence.number + 1)
        }
        return entries
    }
}

/// Remembers that the stream was found to keep append's promises.
final class CheckedStream: Sendable {
    private let checked = Mutex<StreamName?>(nil)

    var name: StreamName? { checked.withLock { $0 } }

    func remember(_ name: StreamName) { checked.withLock { $0 = name } }
}
