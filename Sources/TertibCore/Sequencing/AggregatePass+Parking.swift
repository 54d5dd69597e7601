extension AggregatePass {
    /// Settles the arrivals at or below the watermark; `false` when it has to know the dead letters first.
    mutating func settlePassed() -> Bool {
        while let arrival = arrivals.first {
            let verdict = Verdict(
                version: arrival.version, eventID: arrival.envelope.id, sequence: arrival.sequence,
                against: watermark)
            switch verdict {
            case .next, .gap:
                return true
            case .stale:
                if watermark.isPreceded(by: arrival) {
                    guard knowsDeadLetters || watermark.status != .quarantined else { return false }
                    watermark.streamSequence = arrival.sequence
                    releaseIfCanonical()
                }
                dispositions[arrival.ticket] = .stale
                arrivals = arrivals.dropFirst()
            case .forked(let isCanonical):
                guard knowsDeadLetters else { return false }
                // A letter from behind the event that was applied told of a fork that changes nothing.
                let isTold = isDeadLetter(.arrived(arrival), storedBy: watermark.streamSequence)
                if !isCanonical, !isTold { watermark.status = .quarantined }
                fork(
                    .arrived(arrival),
                    isKnown: isDeadLetter(.arrived(arrival), storedBy: isCanonical ? nil : arrival.sequence))
            }
        }
        return true
    }

    /// Ends a quarantine that has no other reason than events of the watermark's version which turn out to stand behind
    /// the applied one. A fork of another version never was a reason.
    private mutating func releaseIfCanonical() {
        guard watermark.status == .quarantined, !PlantedBug.wrongQuarantineStays.isActive else { return }
        let rivals =
            deadLetters.filter { $0.version == watermark.version }.map(\.streamSequence)
            + failures.filter { $0.event.version == watermark.version }.map(\.event.sequence)
        guard !rivals.isEmpty, rivals.allSatisfy({ $0 > watermark.streamSequence }),
            deadLetters.allSatisfy({ $0.reason == .forked })
        else { return }
        watermark.status = .ok
        isReleased = true
    }

    /// Whether an event shows that another one of its version was applied wrongly.
    public func isWrongBranch(besides event: PassEvent) -> Bool {
        watermark.status == .quarantined && event.version == watermark.version
            && event.sequence <= watermark.streamSequence
    }

    /// Whether two events of one version are among what is left.
    var forksAmongRemaining: Bool {
        let pairs = zip(arrivals, arrivals.dropFirst())
        return pairs.contains { $0.version == $1.version && $0.envelope.id != $1.envelope.id }
            || arrivals.contains { $0.version == failedEvent?.version && $0.envelope.id != failedEvent?.eventID }
    }

    /// Makes a dead letter of an event whose version another one has. One that is a dead letter already changes
    /// nothing.
    mutating func fork(_ event: PassEvent) {
        fork(event, isKnown: isDeadLetter(event, storedBy: nil))
    }

    private mutating func fork(_ event: PassEvent, isKnown: Bool) {
        if case .arrived(let arrival) = event {
            dispositions[arrival.ticket] = isKnown ? .waiting : .deadLettered
            if isKnown, isFork(event, storedBy: nil) { copies[arrival.version, default: []].append(arrival.ticket) }
            arrivals = arrivals.filter { $0.ticket != arrival.ticket }[...]
        }
        if !isKnown {
            failures.append(
                FailedEvent(
                    event: event, reason: .forked,
                    error: "another event has version \(event.version) of \(event.aggregate)",
                    attempts: event.attempts))
        }
    }

    /// Whether an event is a dead letter, be it as a fork of this pass's: a copy of it changes nothing.
    ///
    /// As a fork it is one only by a letter of a message at or before `limit`, if there is a limit: a copy that came
    /// early, of a higher sequence, was judged by its own place, and says nothing of the event that stands before the
    /// other one.
    private func isDeadLetter(_ event: PassEvent, storedBy limit: StreamSequence?) -> Bool {
        let limit = PlantedBug.forkKnownByItsCopy.isActive ? nil : limit
        let isLetter = deadLetters.contains {
            $0.version == event.version && $0.eventID == event.eventID
                && ($0.reason != .forked || $0.streamSequence <= limit ?? $0.streamSequence)
        }
        return isLetter || isFork(event, storedBy: limit)
    }

    /// Whether an event is a fork of this pass's.
    private func isFork(_ event: PassEvent, storedBy limit: StreamSequence?) -> Bool {
        failures.contains {
            $0.reason == .forked && $0.event.version == event.version && $0.event.eventID == event.eventID
                && $0.event.sequence <= limit ?? $0.event.sequence
        }
    }

    /// Decides on what is left when nothing more can be applied.
    mutating func parkRemaining() {
        let isBlocked = watermark.status == .retrying || watermark.status == .quarantined
        if let lone = arrivals.first, arrivals.count == 1, !isBlocked, watermark.parked == 0,
            conditions.holdable.contains(lone.ticket)
        {
            dispositions[lone.ticket] = .held
            arrivals = []
            return
        }
        var previous: Arrival?
        for arrival in arrivals {
            if let failedEvent, failedEvent.version == arrival.version, !PlantedBug.failedCopyParked.isActive {
                settle(arrival, asCopyOf: failedEvent.eventID)
                continue
            }
            if let previous, previous.version == arrival.version {
                settle(arrival, asCopyOf: previous.envelope.id)
                if arrival.envelope.id == previous.envelope.id {
                    copies[arrival.version, default: []].append(arrival.ticket)
                }
                continue
            }
            if isDeadLetter(.arrived(arrival), storedBy: arrival.sequence) {
                // Another event of its version is judged by what is parked, not by this one, which was set aside before.
                dispositions[arrival.ticket] = .waiting
            } else if deadLetters.contains(where: { $0.version == arrival.version && $0.reason == .failed }) {
                fork(.arrived(arrival), isKnown: false)
            } else {
                previous = arrival
                let event = PassEvent.arrived(arrival)
                rowsToPark.append(event.parkedRow(reason: isBlocked ? .behindFailure : .gap, at: conditions.now))
                dispositions[arrival.ticket] = .parked
                parkedTickets[arrival.version] = arrival
            }
        }
        arrivals = []
        added += rowsToPark.count
    }

    /// An arrival whose version another event of this pass has: the same event waits, another one is a fork.
    private mutating func settle(_ arrival: Arrival, asCopyOf eventID: EventID) {
        if arrival.envelope.id == eventID || PlantedBug.forkInBatchIgnored.isActive {
            dispositions[arrival.ticket] = .waiting
        } else {
            fork(.arrived(arrival))
        }
    }

    /// Keeps only so many of the rows to park, those of the lowest versions, and those whose version is parked already,
    /// which need no room.
    /// - Returns: the tickets of the others, which have no outcome then; those of their copies too, for to acknowledge
    ///   one delivery of a message is to acknowledge the message.
    public mutating func limitParking(to count: Int, besides parked: Set<AggregateVersion> = []) -> [Arrival.Ticket] {
        var kept: [ParkedEvent] = []
        var beyond: [AggregateVersion] = []
        var room = count
        for row in rowsToPark {
            if !parked.contains(row.version) {
                guard room > 0 else {
                    beyond.append(row.version)
                    continue
                }
                room -= 1
            }
            kept.append(row)
        }
        guard !beyond.isEmpty else { return [] }
        let overflow = beyond.flatMap { version -> [Arrival.Ticket] in
            let copies = PlantedBug.overflowCopyAcknowledged.isActive ? [] : copies[version] ?? []
            return [parkedTickets.removeValue(forKey: version)?.ticket].compactMap(\.self) + copies
        }
        let judged = forks(besides: beyond)
        added -= beyond.count
        rowsToPark = kept
        for ticket in overflow + judged { dispositions[ticket] = nil }
        return overflow + judged
    }

    /// Takes the dead letters back that were made of arrivals because of an event for which there is no room: without it
    /// nobody knows what they stand behind.
    /// - Returns: their tickets.
    private mutating func forks(besides versions: [AggregateVersion]) -> [Arrival.Ticket] {
        var tickets: [Arrival.Ticket] = []
        failures.removeAll { failure in
            guard case .arrived(let arrival) = failure.event, failure.reason == .forked,
                versions.contains(arrival.version)
            else { return false }
            tickets.append(arrival.ticket)
            return true
        }
        return tickets
    }

    /// Whether the pass has to know the dead letters before a row that was parked already is resolved.
    public func needsDeadLetters(toResolve row: ParkedEvent) -> Bool {
        !knowsDeadLetters && parkedTickets[row.version].map { $0.envelope.id != row.eventID } ?? false
    }

    /// Reports a row that was parked already where the pass wanted to park: the same event waits, where the first of its
    /// copies stands; another one is a fork, of which the lower stream sequence stays.
    public mutating func resolve(existing row: ParkedEvent) {
        guard let arrival = parkedTickets[row.version] else {
            preconditionFailure("a row was in the way that nobody wanted to park")
        }
        added -= 1
        if row.eventID == arrival.envelope.id || PlantedBug.forkAgainstParkedIgnored.isActive {
            dispositions[arrival.ticket] = .waiting
            if let earlier = row.preceded(by: arrival) { rowsToReplace.append(earlier) }
        } else if row.streamSequence < arrival.sequence {
            fork(.arrived(arrival))
            spareCopies(of: row)
        } else {
            var replacement = PassEvent.arrived(arrival).parkedRow(reason: row.reason, at: row.parkedAt)
            replacement.nextAttemptAt = row.nextAttemptAt
            rowsToReplace.append(replacement)
            fork(.parked(row))
        }
    }

    /// Copies of the event that turned out to be parked already are no forks of the arrival that came before them.
    private mutating func spareCopies(of row: ParkedEvent) {
        var forks: [FailedEvent] = []
        for failure in failures {
            if case .arrived(let copy) = failure.event, failure.reason == .forked, copy.version == row.version,
                copy.envelope.id == row.eventID
            {
                dispositions[copy.ticket] = .waiting
            } else {
                forks.append(failure)
            }
        }
        failures = forks
    }

    /// Ends the pass: `removed` is how many parked rows were deleted. Returns the row to write.
    public mutating func finish(removed: Int) -> Watermark {
        let removed = PlantedBug.parkedCountDrifts.isActive ? 0 : removed
        watermark.parked = max(0, watermark.parked + added - removed)  // somebody else may have deleted rows
        switch watermark.status {
        case .ok, .gap: watermark.status = watermark.parked > 0 ? .gap : .ok
        case .stuck where watermark.parked == 0: watermark.status = .ok
        case .stuck, .retrying, .quarantined: break
        }
        return watermark
    }
}
