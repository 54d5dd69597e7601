import TertibCore
import TertibRuntime

/// Runs the machine of a batch's transaction on a store that stops it at every call.
struct SteppedConsumer: Sendable {
    let rules: BatchTransaction.Rules
    let settings: ConsumerSettings
    let codec: WireCodec
    /// What an event's handler does.
    let handler: @Sendable (Envelope, any StoreTransaction) throws -> Void

    /// What a transaction is about.
    struct Work: Sendable {
        var arrivals: [Arrival] = []
        var holdable: Set<Arrival.Ticket> = []
        var wakes: Set<Aggregate> = []
        /// Whether every event has a savepoint, because one of them has failed before.
        var isCareful = false
        /// Events that ended a transaction before.
        var blamed: [EventKey] = []
    }

    /// How a transaction's body has ended.
    enum Outcome: Sendable {
        case finished(BatchReport, of: Batch)
        /// A handler has failed: the batch is rolled back, and tried again carefully.
        case handlerFailed
        /// An event has ended the transaction: the batch is tried again without running it.
        case transactionLost(EventKey)
        /// Another replica was faster: the batch is rolled back, and joins the next one.
        case conflict
        /// Something else was thrown.
        case failed(String)
    }

    /// Runs a transaction's body up to its commit.
    /// - Throws: the fault by which the store stops it.
    func run(_ work: Work, in transaction: any StoreTransaction) throws -> Outcome {
        let batch = Batch(
            arrivals: work.arrivals, wakes: work.wakes, holdable: work.arrivals.map { work.holdable.contains($0.ticket) })
        let failure = HandlerFailure("it has ended the transaction before")
        let blamed = Dictionary(work.blamed.map { ($0, failure) }) { first, _ in first }
        var machine = BatchTransaction(
            batch, mode: work.isCareful ? .careful(blamed: blamed, until: .seconds(1)) : .fast, rules: rules,
            knownParked: 0)
        do {
            var input = BatchTransaction.Input.begun(at: try transaction.now(), random: 1)
            while true {
                let step = machine.advance(input)
                switch step {
                case .finish(let report): return .finished(report, of: batch)
                case .giveUp(.handlerFailed): return .handlerFailed
                case .giveUp(.transactionLost(let event, _)): return .transactionLost(event)
                default: input = try answer(step, batch, in: transaction)
                }
            }
        } catch let stop as Suspended {
            throw stop
        } catch let error as StoreError where error.isRetriable {
            return .conflict
        } catch {
            return .failed("\(error)")
        }
    }

    private func answer(
        _ step: BatchTransaction.Step, _ batch: Batch, in transaction: any StoreTransaction
    ) throws -> BatchTransaction.Input {
        let consumer = settings.name
        switch step {
        case .readWatermarks(let aggregates):
            let rows = try transaction.watermarks(consumer, of: aggregates)
            return .watermarks(aggregates.map { rows[$0] })
        case .claim(let watermarks):
            let won = try transaction.claim(consumer, watermarks)
            return .claimed(watermarks.map { won[$0.aggregate] })
        case .readDeadLetters(let aggregates):
            return .deadLetters(try transaction.openDeadLetters(consumer, of: aggregates))
        case .readTime: return .time(.zero)
        case .readParked(let aggregate, let version, let limit):
            return .parked(try transaction.parked(consumer, of: aggregate, from: version, limit: limit))
        case .apply(let event, let underSavepoint):
            let envelope =
                switch event {
                case .arrival(let index): batch.arrivals[index].envelope
                case .parked(let row): try codec.decode(try row.message(codec))
                }
            do {
                if underSavepoint {
                    try transaction.savepoint { try handler(envelope, transaction) }
                } else {
                    try handler(envelope, transaction)
                }
                return .applied(hasStaged: false)
            } catch let stop as Suspended {
                throw stop
            } catch {
                if let failure = transaction.infrastructureFailure { throw failure }
                return .failed(HandlerFailure(describing: error))
            }
        case .deleteParked(let aggregate, let version):
            return .deleted(try transaction.deleteParked(consumer, of: aggregate, through: version))
        case .park(let rows): return .alreadyParked(try transaction.park(consumer, rows))
        case .replaceParked(let row): try transaction.replaceParked(consumer, row)
        case .saveDeadLetter(let deadLetter): try transaction.saveDeadLetter(consumer, deadLetter)
        case .writeWatermarks(let watermarks): try transaction.write(consumer, watermarks)
        case .finish, .giveUp: break
        }
        return .done
    }

    /// What a sweep finds to do.
    func sweep(in transaction: any StoreTransaction) throws -> SweepFindings {
        var machine = SweepTransaction(settings: settings, gapLimit: 64)
        var input = SweepTransaction.Input.begun(at: try transaction.now())
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
