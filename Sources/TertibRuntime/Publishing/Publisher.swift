import TertibCore

/// Publishes single events and settles every outcome: what the broker did not say is found out before anybody is told.
struct Publisher: Sendable {
    let log: any EventLog
    let codec: WireCodec
    let context: RuntimeContext
    /// How long an unknown outcome is pursued.
    var patience: Duration = .seconds(20)

    /// What became of an event, for good.
    enum Settlement: Sendable {
        /// It is in the stream.
        case stored(sequence: StreamSequence, isDuplicate: Bool)
        /// It is not, because the subject's last message is not the expected one.
        case superseded(by: UnexpectedMessages)
        /// It may be: the broker did not answer in time. The same call may be made again.
        case undecided(EventLogError)
    }

    /// What the subject has after the expected message.
    struct UnexpectedMessages: Sendable {
        /// The last message that was looked at; `nil` when there is none.
        var last: StreamSequence?
        /// The highest version among the well-formed events before the rival.
        var highest = AggregateVersion.none
        /// The first well-formed event of this or a later version: another writer's.
        var rival: Envelope?
        /// What that event was published behind.
        var rivalsPredecessor: StreamSequence?
    }

    /// Publishes an event with the expectation that the subject's last sequence is `expected`, sending the same id and
    /// the same expectation again until the outcome is known.
    /// - Throws: ``EventLogError`` that no retry changes, ``PublishingError`` with
    ///   ``PublishingError/Code/identityClash``.
    func publish(_ envelope: Envelope, expecting expected: StreamSequence) async throws -> Settlement {
        let message = codec.encode(envelope)
        let deadline = context.time.monotonic + patience
        var attempts = 0
        while true {
            let failure: EventLogError
            do {
                let isFenced = !PlantedBug.relayOutOfOrder.isActive
                let sent = attempts > 0 ? plantedRetry(of: envelope) ?? message : message
                switch await log.publish(sent, expecting: isFenced ? .lastSequence(expected) : .any) {
                case .unknown where PlantedBug.markedWithoutAcknowledgement.isActive:
                    return .stored(sequence: StreamSequence(expected.number + 1), isDuplicate: false)
                case .stored(let sequence, false): return .stored(sequence: sequence, isDuplicate: false)
                case .stored(let sequence, true): return try await confirm(envelope, message, at: sequence)
                case .unexpected(let actual):
                    let found = try await look(for: envelope, on: message.subject, after: expected)
                    if actual == nil, case .superseded(let strays) = found, strays.last == nil {
                        throw Self.undecidedYet(envelope)
                    }
                    return found
                case .refused(let error), .unknown(let error): throw error
                }
            } catch let error as EventLogError where error.isRetriable {
                failure = error
            }
            attempts += 1
            let bound = RetryPolicy(initialDelay: .milliseconds(50), maxDelay: .seconds(2))
                .bound(beforeAttempt: attempts + 1)
            guard context.time.monotonic + bound < deadline else { return .undecided(failure) }
            try await context.time.sleep(for: bound / 2 + context.jitter(upTo: bound / 2))
        }
    }

    /// A message that is still on its way decides nothing, for it may be lost with the stream's leader, or turn out to be
    /// this one. When the next attempt comes it has arrived, or is gone.
    private static func undecidedYet(_ envelope: Envelope) -> EventLogError {
        EventLogError(
            .unavailable, attempted: "publish version \(envelope.version) of \(envelope.aggregate)",
            reason: "another message of the subject is still on its way")
    }

    /// A duplicate answer names the message that has the id: it must be this event. One that is gone proves nothing; when
    /// the broker has forgotten the id too, the subject tells.
    private func confirm(
        _ envelope: Envelope, _ message: WireMessage, at sequence: StreamSequence
    ) async throws -> Settlement {
        guard let stored = try await log.message(at: sequence, from: .leader) else {
            return .undecided(
                EventLogError(
                    .unavailable, attempted: "publish version \(envelope.version) of \(envelope.aggregate)",
                    reason: "the broker knows its id, and message \(sequence) is gone"))
        }
        guard stored.message.subject == message.subject, stored.message.body == message.body,
            isSame(stored, envelope)
        else {
            throw PublishingError(
                .identityClash, attempted: "publish version \(envelope.version) of \(envelope.aggregate)",
                reason: "the event id \(envelope.id) is that of another event, at stream sequence \(sequence)",
                advice: "Give every event an id of its own.")
        }
        return .stored(sequence: sequence, isDuplicate: true)
    }

    /// The expectation did not hold: perhaps because this event is there already, perhaps with others behind it.
    private func look(
        for envelope: Envelope, on subject: String, after expected: StreamSequence
    ) async throws -> Settlement {
        var strays = UnexpectedMessages()
        var position = StreamSequence(expected.number + 1)
        while let message = try await log.firstMessage(on: subject, from: position, source: .leader) {
            if isSame(message, envelope), !PlantedBug.ownEventNotRecognised.isActive {
                return .stored(sequence: message.sequence, isDuplicate: true)
            }
            strays.last = message.sequence
            if let other = try? codec.decode(message.message) {
                if other.version >= envelope.version {
                    strays.rival = other
                    strays.rivalsPredecessor = message.message.predecessor
                    break  // it was published with an expectation or without: ours cannot stand behind it
                }
                strays.highest = max(strays.highest, other.version)
            }
            position = StreamSequence(message.sequence.number + 1)
        }
        return .superseded(by: strays)
    }

    private func isSame(_ message: LoggedMessage, _ envelope: Envelope) -> Bool {
        guard let other = try? codec.decode(message.message) else { return false }
        return other.id == envelope.id && other.version == envelope.version
    }
}
