import TertibCore

/// Does what an ``AggregatePass`` says, inside the transaction.
struct PassRunner {
    let run: BatchRun
    let applications: [Arrival.Ticket: Handlers.Application]
    let transaction: any StoreTransaction

    func run(_ pass: inout AggregatePass, report: inout BatchReport) throws {
        while true {
            switch pass.next() {
            case .readParked(let version):
                let rows = try transaction.parked(
                    run.settings.name, of: pass.watermark.aggregate, from: version, limit: BatchRun.pageSize)
                pass.supply(rows, isComplete: rows.count < BatchRun.pageSize)
            case .readDeadLetters:
                pass.supply(
                    deadLetters: try transaction.openDeadLetters(run.settings.name, of: [pass.watermark.aggregate]))
            case .apply(let event):
                if let failure = try apply(event, report: &report) {
                    pass.failed(failure)
                } else {
                    pass.applied()
                    try count(event, report: &report)
                }
            case .rest:
                report.hasLeftovers = report.hasLeftovers || pass.appliedEvents.count >= run.drainLimit
                return
            }
        }
    }

    /// Runs the handler. Returns its failure in careful mode; in fast mode a failure is thrown as ``HandlerFailed``.
    private func apply(_ event: PassEvent, report: inout BatchReport) throws -> HandlerFailure? {
        let blame = Blame(aggregate: event.aggregate, version: event.version, eventID: event.eventID)
        run.trail?.note(blame)
        switch run.mode {
        case .fast:
            do {
                try perform(event, report: &report)
            } catch {
                try rethrowIfInfrastructure(error)
                throw HandlerFailed(blame: blame)
            }
            try rethrowIfInfrastructure(nil)
            return nil
        case .careful(let blamed, _):
            if let failure = blamed[blame] { return failure }
            return try performUnderSavepoint(event, blame: blame, report: &report)
        }
    }

    private func performUnderSavepoint(
        _ event: PassEvent, blame: Blame, report: inout BatchReport
    ) throws -> HandlerFailure? {
        var failure: HandlerFailure?
        var attempt = report
        do {
            try transaction.savepoint(isForgotten: PlantedBug.savepointForgotten.isActive) {
                do {
                    try perform(event, report: &attempt)
                    // What this event has enqueued fails here, where it is this event's.
                    try transaction.settle()
                    try rethrowIfInfrastructure(nil)
                } catch {
                    failure = HandlerFailure(describing: error)
                    throw error
                }
            }
            report = attempt
            return nil
        } catch {
            if let error = error as? StoreError,
                error.code == .transactionLost || PlantedBug.conflictIsAttempt.isActive
            {
                throw TransactionLost(blame: blame, failure: failure ?? HandlerFailure(describing: error))
            }
            try rethrowIfInfrastructure(error)
            guard let failure else { throw error }
            return failure
        }
    }

    private func perform(_ event: PassEvent, report: inout BatchReport) throws {
        let application: Handlers.Application
        let envelope: Envelope
        switch event {
        case .arrived(let arrival):
            guard let prepared = applications[arrival.ticket] else {
                preconditionFailure("an arrival without its application")
            }
            (application, envelope) = (prepared, arrival.envelope)
        case .parked(let row):
            do {
                envelope = try run.codec.decode(try row.message(run.codec))
            } catch {
                throw HandlerFailure("the parked event cannot be read back: \(error)")
            }
            application = run.handlers.prepare(envelope)
        }
        if PlantedBug.handlerBeforeClaim.isActive, !event.isParked { return }
        let handle = HandlerTransaction(store: transaction, staging: run.staging, cause: envelope.cause)
        try application(handle)
        report.hasStaged = report.hasStaged || handle.hasStaged
    }

    /// A conflict or an outage is never the handler's failure, not even when the handler has swallowed it.
    private func rethrowIfInfrastructure(_ error: (any Error)?) throws {
        if let failure = transaction.infrastructureFailure ?? (error as? StoreError), failure.isInfrastructure,
            !PlantedBug.conflictIsAttempt.isActive
        {
            if failure.code != .transactionLost || error == nil { throw failure }
        }
    }

    private func count(_ event: PassEvent, report: inout BatchReport) throws {
        switch event {
        case .arrived(let arrival):
            switch arrival.origin {
            case .delivery: report.appliedFromDelivery += 1
            case .repair: report.repaired += 1
            }
        case .parked(let row):
            if row.reason == .retry || row.reason == .newerRevision {
                report.retried += 1
            } else {
                report.drained += 1
            }
        }
    }
}

/// Which event a failure is blamed on.
struct Blame: Hashable, Sendable {
    let aggregate: Aggregate
    let version: AggregateVersion
    let eventID: EventID
}

/// A handler has failed in fast mode; the batch is tried again carefully.
struct HandlerFailed: Error {
    let blame: Blame
}

/// A handler has failed and ended the transaction with it; the batch is tried again without running that event.
struct TransactionLost: Error {
    let blame: Blame
    let failure: HandlerFailure
}

extension HandlerFailure {
    /// A handler's error, in words of bounded length.
    init(describing error: any Error) {
        if let failure = error as? HandlerFailure {
            self = failure
        } else {
            self.init(String(String(describing: error).prefix(2000)))
        }
    }
}
