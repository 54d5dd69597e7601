import Logging
import TertibCore

/// Wakes what no delivery will wake: a parked event is acknowledged, so the broker never sends it again. Drains left
/// over, retries that are due, gaps past their hold. Every replica sweeps; claims keep them apart.
struct Sweeper: Sendable {
    let session: ConsumerSession

    /// Runs until cancelled.
    func run() async throws {
        var repair = RepairSchedule(codec: session.environment.codec)
        var pacer = SweepPacer()
        var hasFailed = false
        while !Task.isCancelled {
            do {
                try await session.time.sleep(
                    for: SweepPacer.pause(jitter: session.environment.context.fraction()))
            } catch {
                return  // cancelled: the sweeper has nothing in hand
            }
            guard pacer.begins(isRequested: session.sweeps.take(), at: session.time.monotonic) else { continue }
            do {
                pacer.ended(try await sweep(&repair))
                hasFailed = false
            } catch is CancellationError {
                return
            } catch let error as ConsumerError {
                throw error  // no sweep after it would fare better
            } catch let error as StoreError where error.code == .conflict {
                session.sweeps.request()  // another replica writes; the next sweep finds what it leaves
            } catch {
                if !hasFailed {
                    session.logger.warning("a sweep failed, it will be repeated", metadata: [LogKey.error: "\(error)"])
                }
                hasFailed = true
            }
        }
    }

    private func sweep(_ repair: inout RepairSchedule) async throws -> SweepPacer.Outcome {
        let findings = try await read(gapLimit: SweepTransaction.limit + repair.waiting)
        session.sweeps.count(parked: findings.parked)
        let wakes = await Result { try await wake(findings.wakes) }  // a failure must not keep the gaps from repair
        if !findings.gaps.isEmpty { try await close(findings.gaps, now: findings.now, &repair) }
        try wakes.get()
        guard findings.parked > 0 else { return .nothingParked }
        return (repair.isGoingOn && !findings.gaps.isEmpty) || !findings.wakes.isEmpty ? .progress : .waiting
    }

    /// Reads what there is to do.
    private func read(gapLimit: Int) async throws -> SweepFindings {
        let settings = session.settings
        return try await session.environment.store.transaction { transaction in
            try SweepTransaction.run(settings, gapLimit: gapLimit, in: transaction)
        }
    }

    private func wake(_ aggregates: Set<Aggregate>) async throws {
        guard !aggregates.isEmpty else { return }
        try await apply(PreparedBatch(wakes: aggregates), carefully: true)
    }

    private func apply(_ batch: PreparedBatch, carefully: Bool) async throws {
        let report = try await session.applier.apply(batch, carefully: carefully)
        session.record(report, of: batch.batch)
    }
}

extension SweepTransaction {
    /// Does what the machine says.
    static func run(
        _ settings: ConsumerSettings, gapLimit: Int, in transaction: any StoreTransaction
    ) throws -> SweepFindings {
        var machine = SweepTransaction(settings: settings, gapLimit: gapLimit)
        var input = Input.begun(at: try transaction.now())
        while true {
            switch machine.advance(input) {
            case .countParked: input = .parkedCount(try transaction.parkedCount(settings.name))
            case .readLeftoverDrains(let limit):
                input = .aggregates(try transaction.leftoverDrains(settings.name, limit: limit))
            case .readDueRetries(let now, let maxDelay, let limit):
                input = .aggregates(
                    try transaction.dueRetries(settings.name, now: now, maxDelay: maxDelay, limit: limit))
            case .readGaps(let time, let limit):
                input = .gaps(try transaction.gaps(settings.name, parkedBefore: time, limit: limit))
            case .finish(let findings): return findings
            }
        }
    }
}

// MARK: - Repair

extension Sweeper {
    /// Reads the versions that gaps miss straight from the stream, and applies them at once; the replica that holds them
    /// finds them stale.
    private func close(_ gaps: [Gap], now: Timestamp, _ repair: inout RepairSchedule) async throws {
        repair.begin(
            gaps, now: now, withoutRoom: session.sweeps.takeWithoutRoom(), at: session.time.monotonic)
        while var search = repair.next(
            at: session.time.monotonic, hasUndelivered: session.deliveries.pending > 0)
        {
            try Task.checkCancellation()
            let found = try await search.run(on: session.environment.log, session.time, until: repair.end)
            try Task.checkCancellation()
            if !found.isEmpty { try await apply(found) }
            repair.ended(
                search, hasFound: !found.isEmpty, at: session.time.monotonic,
                jitter: session.environment.context.fraction())
        }
    }

    /// What was read belongs to the consumer's stream if that is still there when everything was read.
    private func apply(_ found: [LoggedMessage]) async throws {
        try await session.checkStream()
        var arrivals: [PreparedArrival] = []
        for message in found {
            let decoded = session.decode(
                message.message, sequence: message.sequence, ticket: session.deliveries.ticket(), origin: .repair)
            if case .prepared(let arrival) = decoded { arrivals.append(arrival) }
        }
        try await apply(PreparedBatch(arrivals), carefully: false)
    }
}

extension GapSearch {
    /// Reads what the machine says. Cancellation ends it after the read in hand: a replica that is asked to stop does not
    /// read on.
    mutating func run(
        on log: any EventLog, _ time: any TimeSource, until end: Duration
    ) async throws(EventLogError) -> [LoggedMessage] {
        var input = Input.begin
        while true {
            switch advance(input, mayReadOn: time.monotonic < end && !Task.isCancelled) {
            case .readMessage(let sequence, let fromLeader):
                input = .message(try await log.message(at: sequence, from: fromLeader ? .leader : .anyReplica))
            case .searchSubject(let subject, let sequence):
                input = .message(try await log.firstMessage(on: subject, from: sequence, source: .leader))
            case .finish(let run): return run
            }
        }
    }
}

extension Result where Failure == any Error {
    /// Keeps what `body` throws for later.
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
