import TertibCore

/// One attempt to bring a batch through one transaction: read, decide, claim, apply and drain, park, write.
///
/// Handlers come after the claim, so that the loser of a race does no work and is never taken for a failure. No
/// watermark row is locked after the claim.
struct BatchRun: Sendable {
    /// What differs between the usual attempt and the one after a handler has failed.
    enum Mode: Sendable {
        /// No savepoints; the first failure rolls the whole batch back.
        case fast
        /// A savepoint an event, so that exactly the failing event is blamed and the rest commits. Events that ended a
        /// transaction in an earlier attempt fail without being run again. Ends at a moment of monotonic time.
        case careful(blamed: [Blame: HandlerFailure], until: Duration)
    }

    let settings: ConsumerSettings
    let codec: WireCodec
    let handlers: Handlers
    let staging: Staging
    let context: RuntimeContext
    let registration: ConsumerRegistration
    let knownParked: Int
    let batch: Batch
    let mode: Mode
    /// At most so many events are applied to one aggregate in one transaction; the sweeper goes on with the rest.
    var drainLimit = 2048
    /// Remembers the last event whose handler was run, for a failure that shows only at the commit.
    var trail: AttemptTrail?

    /// Parked rows are read in pages of this many.
    static let pageSize = 128

    func run(in transaction: any StoreTransaction) throws -> BatchReport {
        try context.crashes.reach(.afterBegin)
        let now = try transaction.now()
        var report = BatchReport()
        try keepMalformed(now: now, in: transaction, report: &report)

        let aggregates = Set(batch.arrivals.map(\.arrival.aggregate)).union(batch.wakes).sorted()
        let plan = BatchPlan(
            arrivals: batch.arrivals.map(\.arrival), wakes: batch.wakes,
            watermarks: aggregates.isEmpty ? [:] : try transaction.watermarks(settings.name, of: aggregates),
            generation: registration.generation, mayHold: { batch.holdable.contains($0.ticket) })
        report.dispositions.merge(plan.settled) { _, new in new }
        guard !plan.claims.isEmpty else { return report }

        let won = try plantedClaim(of: plan, in: transaction) ?? transaction.claim(settings.name, plan.claims)
        try context.crashes.reach(.afterClaim)
        var passes = try beginPasses(plan: plan, won: won, now: now, in: transaction, report: &report)
        try apply(&passes, in: transaction, report: &report)
        try write(&passes, now: now, in: transaction, report: &report)
        return report
    }

    /// Keeps each malformed message once, with its bytes and the reason.
    private func keepMalformed(
        now: Timestamp, in transaction: any StoreTransaction, report: inout BatchReport
    ) throws {
        for item in batch.malformed {
            let letter = DeadLetter(
                id: context.mintUUID(), aggregate: item.aggregate, version: nil, eventID: nil,
                streamCreatedAt: registration.streamCreatedAt, streamSequence: item.sequence, message: item.message,
                reason: .malformed, error: item.reason.explanation, attempts: 0, failedAt: now)
            try transaction.saveDeadLetter(settings.name, letter)
            report.dispositions[item.ticket] = .deadLettered
            report.malformed += 1
        }
    }

    private func beginPasses(
        plan: BatchPlan, won: [Aggregate: Watermark], now: Timestamp, in transaction: any StoreTransaction,
        report: inout BatchReport
    ) throws -> [AggregatePass] {
        let suspects = plan.claims.map(\.aggregate).filter { aggregate in
            won[aggregate].map {
                AggregatePass.needsDeadLetters(of: $0, for: plan.arrivals[aggregate] ?? [])
            } ?? false
        }
        var letters = Dictionary(suspects.map { ($0, [DeadLetterKey]()) }, uniquingKeysWith: { first, _ in first })
        if !suspects.isEmpty {
            let open = try transaction.openDeadLetters(settings.name, of: suspects)
            letters.merge(Dictionary(grouping: open, by: \.aggregate)) { _, new in new }
        }
        var passes: [AggregatePass] = []
        for claim in plan.claims {
            let arrivals = plan.arrivals[claim.aggregate] ?? []
            guard let watermark = won[claim.aggregate] else {
                report.conflicts += 1
                let isSuccess = PlantedBug.lostClaimIsSuccess.isActive
                for ticket in arrivals.map(\.ticket) where isSuccess { report.dispositions[ticket] = .stale }
                report.lost.formUnion(isSuccess ? [] : arrivals.map(\.ticket))
                continue
            }
            passes.append(
                AggregatePass(
                    claimed: watermark, arrivals: arrivals, deadLetters: letters[claim.aggregate],
                    conditions: .init(
                        now: now, isWake: batch.wakes.contains(claim.aggregate), retry: settings.retry,
                        jitter: context.fraction(), limit: drainLimit, holdable: batch.holdable)))
        }
        return passes
    }

    /// Runs the passes one after the other. In careful mode a pass that there is no time for is dropped like a lost
    /// claim: its row keeps its version, and only its revision has risen.
    private func apply(
        _ passes: inout [AggregatePass], in transaction: any StoreTransaction, report: inout BatchReport
    ) throws {
        let applications = Dictionary(
            batch.arrivals.map { ($0.arrival.ticket, $0.application) }, uniquingKeysWith: { first, _ in first })
        var finished: [AggregatePass] = []
        for var pass in passes {
            if case .careful(_, let deadline) = mode, context.time.monotonic > deadline {
                report.lost.formUnion(pass.waitingTickets)
                continue
            }
            let runner = PassRunner(run: self, applications: applications, transaction: transaction)
            try runner.run(&pass, report: &report)
            try context.crashes.reach(.betweenDrains)
            finished.append(pass)
        }
        passes = finished
    }

    /// Deletes what was drained, parks what remains where there is room now, keeps dead letters, and writes the
    /// watermarks.
    private func write(
        _ passes: inout [AggregatePass], now: Timestamp, in transaction: any StoreTransaction,
        report: inout BatchReport
    ) throws {
        var removed = [Int](repeating: 0, count: passes.count)
        for index in passes.indices where passes[index].drains {
            removed[index] = try transaction.deleteParked(
                settings.name, of: passes[index].watermark.aggregate, through: passes[index].drainedThrough)
        }
        try keepWithinLimits(&passes, removed: removed, in: transaction, report: &report)
        let toPark = passes.flatMap(\.rowsToPark)
        if !toPark.isEmpty {
            let existing = Dictionary(
                grouping: try transaction.park(settings.name, toPark), by: \.aggregate)
            for index in passes.indices {
                for row in existing[passes[index].watermark.aggregate] ?? [] {
                    if passes[index].needsDeadLetters(toResolve: row) {
                        passes[index].supply(
                            deadLetters: try transaction.openDeadLetters(settings.name, of: [row.aggregate]))
                    }
                    passes[index].resolve(existing: row)
                }
            }
            report.parkedRows += toPark.count - existing.values.reduce(0) { $0 + $1.count }
            try context.crashes.reach(.midPark)
        }
        var watermarks: [Watermark] = []
        for index in passes.indices {
            for row in passes[index].rowsToReplace {
                try transaction.replaceParked(settings.name, row)
            }
            if let retry = passes[index].retry { report.failures.append(FailureNote(retry)) }
            for failure in passes[index].failures {
                try keep(failure, now: now, in: transaction)
                var note = FailureNote(failure)
                note.isQuarantined = passes[index].isWrongBranch(besides: failure.event)
                report.failures.append(note)
            }
            watermarks.append(passes[index].finish(removed: removed[index]))
            if passes[index].isReleased { report.released.append(passes[index].watermark) }
            report.dispositions.merge(passes[index].dispositions) { _, new in new }
        }
        try transaction.write(settings.name, watermarks.filter { !$0.isClaimForgotten })
    }

    /// Takes the rows out that there is no room for, the highest versions first; a row that waits for its next attempt
    /// is exempt, else its attempts would never be counted, and so is a copy of an event that is parked already.
    private func keepWithinLimits(
        _ passes: inout [AggregatePass], removed: [Int], in transaction: any StoreTransaction,
        report: inout BatchReport
    ) throws {
        var room = settings.maxParkedTotal - knownParked + removed.reduce(0, +)
        for index in passes.indices where !passes[index].rowsToPark.isEmpty {
            let watermark = passes[index].watermark
            let parked = watermark.parked - removed[index]
            let own = settings.maxParkedPerAggregate - parked
            let limit = max(0, min(own, room))
            var known: Set<AggregateVersion> = []
            if passes[index].rowsToPark.count > limit, parked > 0, let lowest = passes[index].rowsToPark.first {
                let rows = try transaction.parked(
                    settings.name, of: watermark.aggregate, from: lowest.version, limit: Self.pageSize)
                known = Set(rows.map(\.version))
            }
            let overflow = passes[index].limitParking(to: limit, besides: known)
            room -= passes[index].rowsToPark.count { !known.contains($0.version) }
            guard !overflow.isEmpty else { continue }
            report.overflow.formUnion(overflow)
            report.reachedLimits.append(
                own <= limit
                    ? ParkedLimitReached(
                        aggregate: watermark.aggregate, watermark: watermark.version,
                        limit: settings.maxParkedPerAggregate)
                    : ParkedLimitReached(aggregate: nil, limit: settings.maxParkedTotal))
        }
    }

    private func keep(_ failure: FailedEvent, now: Timestamp, in transaction: any StoreTransaction) throws {
        let message: WireMessage
        switch failure.event {
        case .arrived(let arrival): message = arrival.message
        case .parked(let row): message = row.messageOrBytes(codec)
        }
        let letter = DeadLetter(
            id: context.mintUUID(), aggregate: failure.event.aggregate, version: failure.event.version,
            eventID: failure.event.eventID, streamCreatedAt: registration.streamCreatedAt,
            streamSequence: failure.event.sequence, message: message, reason: failure.reason, error: failure.error,
            attempts: failure.attempts, failedAt: now)
        try transaction.saveDeadLetter(settings.name, letter)
    }
}

extension ParkedEvent {
    /// The message; of a row that cannot be read back its bytes, as the body.
    func messageOrBytes(_ codec: WireCodec) -> WireMessage {
        do {
            return try message(codec)
        } catch {
            return WireMessage(subject: codec.mapping.subject(of: aggregate), body: stored)
        }
    }

    /// The message, read back from the row.
    func message(_ codec: WireCodec) throws -> WireMessage {
        do {
            return try StoredEnvelope.decode(stored, subject: codec.mapping.subject(of: aggregate))
        } catch {
            throw StoreError(.corrupt, attempted: "read parked version \(version) of \(aggregate)", reason: "\(error)")
        }
    }
}

extension FailureNote {
    init(_ row: ParkedEvent) {
        self.init(
            aggregate: row.aggregate, version: row.version, eventID: row.eventID, error: row.error ?? "",
            attempts: row.attempts, deadLetter: nil)
    }

    init(_ failure: FailedEvent) {
        self.init(
            aggregate: failure.event.aggregate, version: failure.event.version, eventID: failure.event.eventID,
            error: failure.error, attempts: failure.attempts, deadLetter: failure.reason)
    }
}
