import TertibCore

// The wrong order of things that some planted bugs need more than a line for. Outside of `make mutants` none of it runs.

extension BatchRun {
    /// A claim as a planted bug makes it; `nil` without one.
    func plantedClaim(
        of plan: BatchPlan, in transaction: any StoreTransaction
    ) throws -> [Aggregate: Watermark]? {
        if PlantedBug.handlerBeforeClaim.isActive {
            try applyNext(of: plan, in: transaction)
            return nil
        }
        if PlantedBug.parkWithoutClaim.isActive {
            let gapped = plan.claims.filter { !isNextOrWake($0, in: plan) }
            let next = plan.claims.filter { isNextOrWake($0, in: plan) }
            return forgotten(gapped).merging(try transaction.claim(settings.name, next)) { _, won in won }
        }
        if PlantedBug.parkAfterLostClaim.isActive {
            let gapped = plan.claims.filter { !isNextOrWake($0, in: plan) }
            return forgotten(gapped).merging(try transaction.claim(settings.name, plan.claims)) { _, won in won }
        }
        let ignoresChanges = PlantedBug.watermarkWithoutCompareAndSet.isActive
        guard ignoresChanges || PlantedBug.drainDecidedByFirstRead.isActive else { return nil }
        let again = try transaction.watermarks(settings.name, of: plan.claims.map(\.aggregate))
        let won = try transaction.claim(settings.name, plan.claims.map { again[$0.aggregate] ?? $0 })
        return plan.claims.reduce(into: [:]) { result, read in
            guard var row = won[read.aggregate] else { return }
            row.parked = read.parked
            if ignoresChanges {
                (row.version, row.eventID, row.streamSequence) = (read.version, read.eventID, read.streamSequence)
            }
            result[read.aggregate] = row
        }
    }

    private func isNextOrWake(_ claim: Watermark, in plan: BatchPlan) -> Bool {
        batch.wakes.contains(claim.aggregate)
            || plan.arrivals[claim.aggregate]?.first?.version.follows(claim.version) ?? false
    }

    /// Rows as they were read, with the mark that they are not written back.
    private func forgotten(_ claims: [Watermark]) -> [Aggregate: Watermark] {
        claims.reduce(into: [:]) { result, read in
            var row = read
            row.revision = 0
            result[read.aggregate] = row
        }
    }

    private func applyNext(of plan: BatchPlan, in transaction: any StoreTransaction) throws {
        for claim in plan.claims {
            var version = claim.version
            let own = batch.arrivals.filter { $0.arrival.aggregate == claim.aggregate }
            for prepared in own.sorted(by: { Arrival.isAppliedBefore($0.arrival, $1.arrival) }) {
                guard prepared.arrival.version.follows(version) else { continue }
                version = prepared.arrival.version
                let handle = HandlerTransaction(
                    store: transaction, staging: staging, cause: prepared.arrival.envelope.cause)
                try prepared.application(handle)
            }
        }
    }
}

extension Watermark {
    /// Whether a planted bug has left the row unclaimed: then it cannot be written.
    var isClaimForgotten: Bool {
        !exists && (PlantedBug.parkWithoutClaim.isActive || PlantedBug.parkAfterLostClaim.isActive)
    }
}

extension StoreTransaction {
    /// A savepoint, unless a planted bug forgets it.
    func savepoint<Result>(isForgotten: Bool, _ body: () throws -> Result) throws -> Result {
        isForgotten ? try body() : try savepoint(body)
    }
}

extension ConsumerRuntime {
    /// What planted bugs acknowledge before the transaction.
    func plantedAcknowledgement(of batch: Batch) async {
        if PlantedBug.acknowledgedBeforeCommit.isActive {
            await source.answer(.acknowledge, to: desk.release(batch.arrivals.map(\.arrival.ticket)))
        }
        if PlantedBug.duplicateAcknowledgedEarly.isActive {
            var seen: Set<EventID> = []
            let copies = batch.arrivals.filter { !seen.insert($0.arrival.envelope.id).inserted }
            await source.answer(.acknowledge, to: desk.release(copies.map(\.arrival.ticket)))
        }
    }

    /// What a planted bug acknowledges after a failure.
    func plantedAcknowledgement(of batch: Batch, after error: any Error) async {
        if PlantedBug.unknownCommitAcknowledged.isActive, (error as? StoreError)?.code == .commitUnknown {
            await source.answer(.acknowledge, to: desk.release(batch.arrivals.map(\.arrival.ticket)))
        }
    }
}

extension BatchApplier {
    /// A batch brought through two transactions by a planted bug; `nil` without one.
    func plantedSplit(of batch: Batch) async throws -> BatchReport? {
        if PlantedBug.watermarkBeforeEffect.isActive {
            let report = try await transact(batch.withoutEffects, mode: .fast)
            let applied = batch.arrivals.filter { report.dispositions[$0.arrival.ticket] == .applied }
            try await applyAlone(applied)
            return report
        }
        guard PlantedBug.effectBeforeWatermark.isActive else { return nil }
        let aggregates = Set(batch.arrivals.map(\.arrival.aggregate)).sorted()
        var watermarks = try await store.transaction { [settings] transaction in
            try transaction.watermarks(settings.name, of: aggregates)
        }
        var next: [PreparedArrival] = []
        for prepared in batch.arrivals.sorted(by: { Arrival.isAppliedBefore($0.arrival, $1.arrival) }) {
            let aggregate = prepared.arrival.aggregate
            var watermark = watermarks[aggregate] ?? Watermark(aggregate: aggregate)
            guard prepared.arrival.version.follows(watermark.version) else { continue }
            watermark.version = prepared.arrival.version
            watermarks[aggregate] = watermark
            next.append(prepared)
        }
        try await applyAlone(next)
        return try await transact(batch.withoutEffects, mode: .fast)
    }

    private func applyAlone(_ arrivals: [PreparedArrival]) async throws {
        try await store.transaction { [staging] transaction in
            for prepared in arrivals {
                let cause = prepared.arrival.envelope.cause
                try prepared.application(HandlerTransaction(store: transaction, staging: staging, cause: cause))
            }
        }
    }
}

extension Batch {
    fileprivate var withoutEffects: Batch {
        var batch = self
        batch.arrivals = arrivals.map { PreparedArrival(arrival: $0.arrival, application: { _ in }) }
        return batch
    }
}
