import Logging
import TertibCore

extension Relay {
    /// Publishes one row, or says when to try again. Only a failure that no other row would fare better with is thrown.
    func publish(_ claim: OutboxClaim) async throws -> RowResult {
        let row = claim.row
        let envelope: Envelope
        do {
            let subject = codec.mapping.subject(of: row.aggregate)
            envelope = try codec.decode(try StoredEnvelope.decode(row.stored, subject: subject))
        } catch {
            alarm("a staged event cannot be read back", row, "\(error)")
            return .later(row, .seconds(60))
        }
        var expected = claim.head.streamSequence
        for _ in 0..<4 {
            let settlement: Publisher.Settlement
            do {
                settlement = try await publisher.publish(envelope, expecting: expected)
            } catch let error as CancellationError {
                throw error
            } catch {
                alarm("a staged event cannot be published", row, "\(error)")
                return .later(row, .seconds(10))
            }
            switch settlement {
            case .stored(let sequence, _):
                return .published(row, sequence)
            case .undecided:
                return .later(row, .milliseconds(500))
            case .superseded(let strays):
                if try await isStagedHere(strays, after: expected, behind: row) { return .published(row, expected) }
                switch try await way(past: strays, instead: expected, claim) {
                case .expect(let next): expected = next
                case .yield: return .later(row, .zero)
                case .stop: return .later(row, .seconds(30))
                }
            }
        }
        return .later(row, .seconds(1))
    }

    /// Whether an event on the subject is a later one of this database's own, published behind something that stood after
    /// the expected message and is gone, or when the subject had been trimmed empty: then this row was published too, for
    /// versions are published in order, and the stream has trimmed it since. The head stays where it was for the rows
    /// between.
    private func isStagedHere(
        _ strays: Publisher.UnexpectedMessages, after expected: StreamSequence, behind row: OutboxRow
    ) async throws -> Bool {
        guard let rival = strays.rival, rival.version > row.version,
            let predecessor = strays.rivalsPredecessor, predecessor > expected || predecessor == StreamSequence.none
        else { return false }
        // The rows of this run that come before it are not marked yet.
        let between = rival.version.number - row.version.number + 1
        let limit = Int(min(Self.ownRowsLimit, between)) + RelayRun.limit
        return try await store.read { reader in
            try reader.outboxRows(of: row.aggregate, limit: limit)
                .contains { $0.version == rival.version && $0.eventID == rival.id }
        }
    }

    /// At most so many rows are looked through for an event of one's own.
    private static let ownRowsLimit: Int64 = 10_000

    /// What to do when the subject's last message is not the head's.
    private enum Way {
        /// Publish with this expectation.
        case expect(StreamSequence)
        /// The row's turn comes later: a neighbour has moved the head, or lower versions come first.
        case yield
        /// Only a person can help.
        case stop
    }

    private func way(
        past strays: Publisher.UnexpectedMessages, instead expected: StreamSequence, _ claim: OutboxClaim
    ) async throws -> Way {
        let (row, head) = (claim.row, claim.head)
        if let rival = strays.rival {
            let reason =
                head.publishedVersion == .none
                ? "the subject has history that this database does not know; adopt the stream's head first"
                : "another writer published version \(rival.version) as event \(rival.id)"
            alarm("forked: the stream has another event of a version that is staged here", row, reason)
            return .stop
        }
        // Messages that are no later version: they are passed, unless the head's own event is no longer before them.
        if let last = strays.last, strays.highest >= head.publishedVersion { return .expect(last) }
        let subject = codec.mapping.subject(of: row.aggregate)
        let state = try await log.state()
        let last = try await log.lastMessage(on: subject, from: .leader)
        let known = try await log.message(at: expected, from: .leader)
        if let known, isHead(known, head, subject) {
            return .expect(strays.last ?? expected)  // it is there: what refused the publish was behind
        }
        if expected > state.lastSequence || known != nil {
            if PlantedBug.lostTailPassed.isActive { return .expect(last?.sequence ?? .none) }
            return try await reopen(claim, behind: last)
        }
        if let last = strays.last { return .expect(last) }
        guard last == nil else {
            alarm("the head's event was deleted", row, "version \(head.publishedVersion) at \(expected) is gone")
            return .stop
        }
        context.logger.notice(
            "the stream has trimmed an aggregate's history, its versions go on",
            metadata: [LogKey.aggregate: "\(row.aggregate)", LogKey.version: "\(row.version)"])
        return .expect(.none)
    }

    private func isHead(_ message: LoggedMessage, _ head: AggregateHead, _ subject: String) -> Bool {
        guard message.message.subject == subject else { return false }
        // A stray may stand in the head's place: adopting takes the subject's last message, whatever it is.
        guard let envelope = try? codec.decode(message.message) else { return true }
        return envelope.version >= head.publishedVersion
    }

    /// The stream has lost events that it had acknowledged. They are published again from the rows that are still held,
    /// from the last version on that the stream has; where one of them is not held, only a person can help.
    private func reopen(_ claim: OutboxClaim, behind last: LoggedMessage?) async throws -> Way {
        let (row, head) = (claim.row, claim.head)
        let version: AggregateVersion
        if let last {
            guard let envelope = try? codec.decode(last.message), envelope.version < head.publishedVersion else {
                alarm(
                    "the stream has lost its tail", row, "its last message on the subject is no event of this history")
                return .stop
            }
            version = envelope.version
        } else {
            version = .none
        }
        let sequence = last?.sequence ?? .none
        let (isCurrent, isReopened) = try await store.transactionRetryingConflicts(context) { transaction in
            let current = try transaction.head(of: row.aggregate)
            guard current?.publishedVersion == head.publishedVersion, current?.streamSequence == head.streamSequence
            else { return (false, false) }
            return (true, try transaction.reopenOutbox(head, behind: version, at: sequence))
        }
        guard isCurrent else { return .yield }
        let gone = "versions above \(version) up to \(head.publishedVersion) are gone"
        guard isReopened else {
            alarm("the stream has lost its tail", row, gone + ", and the outbox no longer holds all of them")
            return .stop
        }
        alarm("the stream has lost its tail: it is published again from the outbox", row, gone)
        return .yield
    }

    private func alarm(_ message: Logger.Message, _ row: OutboxRow, _ reason: String) {
        context.logger.critical(
            message,
            metadata: [
                LogKey.aggregate: "\(row.aggregate)", LogKey.version: "\(row.version)",
                LogKey.eventID: "\(row.eventID)", LogKey.reason: "\(reason)",
            ])
    }
}
