/// Which transactions bring a batch to an outcome: one fast one as a rule; after a failure a careful one; and where even
/// that is refused, one for each event. A pure machine: ``advance(_:at:)`` takes how the last transaction ended and returns
/// the next step.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | fast | `committed` | ended, `finish` |
/// | fast | `gaveUp`, `refused` | careful, `run` |
/// | fast, careful | `interrupted` | ended, `fail` |
/// | careful | `committed` | ended, `finish` |
/// | careful, nothing blamed | `gaveUp`: an event has ended the transaction | careful, that event blamed, `run` |
/// | careful, one blamed | `gaveUp` | one by one, `run` |
/// | careful | `refused` | one by one, `run` |
/// | one by one | `committed` | the next unit, `run`; after the last one ended, `finish` |
/// | one by one, nothing blamed | `gaveUp`, `refused` after an event was run | the same unit, that event blamed, `run` |
/// | one by one | `refused` otherwise | the unit is given back; the next one |
/// | one by one | `interrupted`, or `gaveUp` with one blamed | this unit and all others are given back, ended, `finish` |
/// | one by one, nothing committed yet | `interrupted` | ended, `fail` |
/// | one by one | the deadline has passed | all other units are given back, ended, `finish` |
package struct BatchAttempts: Hashable, Sendable {
    /// How a transaction ended.
    package enum Input: Hashable, Sendable {
        /// There was none yet.
        case begin
        /// It committed.
        case committed(BatchReport)
        /// It gave up by itself, and was rolled back.
        case gaveUp(BatchTransaction.Failure)
        /// The database refuses what no handler has failed at (a deferred constraint, say), and would refuse it again;
        /// `lastEvent` is the last event whose handler was run.
        case refused(HandlerFailure, lastEvent: EventKey?)
        /// A conflict or an outage, which says nothing about the batch.
        case interrupted(reason: String)
    }

    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Run this transaction.
        case run(BatchTransaction)
        /// The batch has come to this.
        case finish(BatchReport)
        /// Throw the error with which the last transaction ended.
        case fail
    }

    private enum State: Hashable, Sendable {
        case beginning, fast
        case careful(blamed: EventKey?)
        case oneByOne(unit: Int, isBlamed: Bool)
        case ended
    }

    private let batch: Batch
    private let rules: BatchTransaction.Rules
    private let knownParked: Int
    private let isCareful: Bool
    private var state = State.beginning
    /// Half of the acknowledgement wait is for blaming exactly the events that fail; what is left then is given back.
    private var deadline = Duration.zero
    private var units: [Batch] = []
    private var report: BatchReport

    /// Creates the attempts at one batch.
    /// - Parameter isCareful: Begin with a savepoint an event, because one of them has failed before.
    package init(_ batch: Batch, rules: BatchTransaction.Rules, knownParked: Int, isCareful: Bool) {
        self.batch = batch
        self.rules = rules
        self.knownParked = knownParked
        self.isCareful = isCareful
        report = BatchReport(of: batch)
    }

    /// Takes how the last transaction ended, and the monotonic time.
    package mutating func advance(_ input: Input, at now: Duration) -> Step {
        switch (state, input) {
        case (.beginning, .begin):
            if isCareful { return beginCarefully(at: now) }
            state = .fast
            return .run(transaction(of: batch, .fast))
        case (.fast, .gaveUp), (.fast, .refused): return beginCarefully(at: now)
        case (.fast, .committed(let report)), (.careful, .committed(let report)): return finish(report)
        case (.fast, .interrupted), (.careful, .interrupted): return fail()
        case (.careful(nil), .gaveUp(let failure)): return runCarefully(blaming: failure)
        case (.careful, .gaveUp), (.careful, .refused):
            units = batch.units
            return runUnit(0, at: now)
        case (.oneByOne(let unit, _), .committed(let report)):
            self.report.add(report, of: units[unit])
            return runUnit(unit + 1, at: now)
        case (.oneByOne(let unit, false), .gaveUp(let failure)):
            return runUnit(unit, blaming: failure.event, failure.reason)
        case (.oneByOne(let unit, false), .refused(let failure, let event?)):
            return runUnit(unit, blaming: event, failure)
        case (.oneByOne(let unit, _), .refused(let failure, _)):
            giveBack(units[unit...unit], because: failure.description)
            return runUnit(unit + 1, at: now)
        case (.oneByOne(let unit, true), .gaveUp(let failure)):
            return giveBackRest(from: unit, because: failure.reason.description)
        case (.oneByOne(let unit, _), .interrupted(let reason)): return giveBackRest(from: unit, because: reason)
        case (.beginning, _), (.ended, _), (_, .begin): preconditionFailure("no transaction was run")
        }
    }

    private mutating func beginCarefully(at now: Duration) -> Step {
        deadline = now + rules.settings.acknowledgementWait / 2
        state = .careful(blamed: nil)
        return .run(transaction(of: batch, .careful(blamed: [:], until: deadline)))
    }

    private mutating func runCarefully(blaming failure: BatchTransaction.Failure) -> Step {
        state = .careful(blamed: failure.event)
        return .run(
            transaction(of: batch, .careful(blamed: [failure.event: failure.reason], until: deadline)))
    }

    private mutating func runUnit(_ unit: Int, at now: Duration) -> Step {
        guard unit < units.count, now <= deadline else {
            for other in units[min(unit, units.count)...] { report.giveBack(other) }
            return finish(report)
        }
        state = .oneByOne(unit: unit, isBlamed: false)
        return .run(transaction(of: units[unit], .careful(blamed: [:], until: deadline), appliedLimit: 1))
    }

    private mutating func runUnit(_ unit: Int, blaming event: EventKey, _ failure: HandlerFailure) -> Step {
        state = .oneByOne(unit: unit, isBlamed: true)
        return .run(
            transaction(of: units[unit], .careful(blamed: [event: failure], until: deadline), appliedLimit: 1))
    }

    private mutating func giveBack(_ units: ArraySlice<Batch>, because reason: String) {
        for unit in units { report.giveBack(unit) }
        report.givenBack.append(reason)
    }

    /// After an outage there is no use in going on; but what has committed has to be reported.
    private mutating func giveBackRest(from unit: Int, because reason: String) -> Step {
        if report.isEmpty { return fail() }
        giveBack(units[unit...], because: reason)
        return finish(report)
    }

    private mutating func finish(_ report: BatchReport) -> Step {
        state = .ended
        return .finish(report)
    }

    private mutating func fail() -> Step {
        state = .ended
        return .fail
    }

    private func transaction(
        of batch: Batch, _ mode: BatchTransaction.Mode, appliedLimit: Int = .max
    ) -> BatchTransaction {
        BatchTransaction(batch, mode: mode, rules: rules, knownParked: knownParked, appliedLimit: appliedLimit)
    }
}

extension BatchTransaction.Failure {
    /// The event that is blamed.
    var event: EventKey {
        switch self {
        case .handlerFailed(let event, _), .transactionLost(let event, _): event
        }
    }

    /// Its handler's failure.
    var reason: HandlerFailure {
        switch self {
        case .handlerFailed(_, let failure), .transactionLost(_, let failure): failure
        }
    }
}
