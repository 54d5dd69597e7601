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
                guard let next = try await expectation(after: strays, instead: expected, claim) else {
                    return .later(row, .seconds(30))
                }
                expected = next
            }
        }
        return .later(row, .seconds(1))
    }

    /// Whether an event on the subject is a later one of this database's own, published behind something that stood after
    /// the expected message and is gone: then this row was published too, and the stream has trimmed it since. The head
    /// stays where it was for the rows between.
    private func isStagedHere(
        _ strays: Publisher.Strays, after expected: StreamSequence, behind row: OutboxRow
    ) async throws -> Bool {
        guard let rival = strays.rival, rival.version > row.version,
            let predecessor = strays.rivalsPredecessor, predecessor > expected
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

    /// What to expect instead, when the subject's last message is not the head's: `nil` when only a person can help.
    private func expectation(
        after strays: Publisher.Strays, instead expected: StreamSequence, _ claim: OutboxClaim
    ) async throws -> StreamSequence? {
        let row = claim.row
        if let rival = strays.rival {
            let reason =
                claim.head.publishedVersion == .none
                ? "the subject has history that this database does not know; adopt the stream's head first"
                : "another writer published version \(rival.version) as event \(rival.id)"
            alarm("forked: the stream has another event of a version that is staged here", row, reason)
            return nil
        }
        if let last = strays.last { return last }  // messages that are no later version: pass them
        let subject = codec.mapping.subject(of: row.aggregate)
        let state = try await log.state()
        let last = try await log.lastMessage(on: subject, from: .leader)
        if let known = try await log.message(at: expected, from: .leader), known.message.subject == subject {
            return expected  // it is there: what refused the publish was behind
        }
        guard expected <= state.lastSequence, last == nil, try await log.message(at: expected, from: .leader) == nil
        else {
            alarm("the stream has lost its tail", row, "version \(claim.head.publishedVersion) at \(expected) is gone")
            return nil
        }
        context.logger.notice(
            "the stream has trimmed an aggregate's history, its versions go on",
            metadata: [LogKey.aggregate: "\(row.aggregate)", LogKey.version: "\(row.version)"])
        return StreamSequence.none
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
