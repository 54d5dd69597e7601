import TertibRuntime
import TertibCore

/// What is simulated: the simulator's own handlers, or a user's.
struct SimulationSubject: Sendable {
    /// What the handlers' SQL means.
    var statements: [String: MemoryStatement] = [:]
    /// Registers the handlers.
    var register: @Sendable (inout Handlers, SimulatedWorld) -> Void
    /// The aggregate types that the consumer takes, beside the simulator's own.
    var types: Set<AggregateType> = []
    /// Those of them that the handlers stage events of.
    var published: Set<AggregateType> = []
    /// The message that a user's event stands for.
    var message: (@Sendable (SimulationPlan.Event) -> WireMessage?)?
    /// What else has to hold at rest.
    var invariant: (@Sendable (SimulationState) throws -> Void)?

    /// The simulator's own handlers: they fail where the plan says so, and echo each product event by one that they
    /// stage.
    static let own = SimulationSubject(register: { handlers, world in
        let names = world.names
        handlers.onAnyOther { envelope, transaction in
            guard envelope.aggregate.type == names.product, world.plan.options.staged > 0 else { return }
            let echo = try NewEvent(type: try EventType("echo.heard"), json: Array(#"{"heard":1}"#.utf8))
            try transaction.stage(echo, for: Aggregate(type: names.echo, id: envelope.aggregate.id))
        }
    })
}

/// A handler fails as the plan says.
struct PlannedFailure: Error, CustomStringConvertible {
    var description: String { "the handler fails, as planned" }
}

extension SimulatedWorld {
    func failIfPlanned(_ envelope: Envelope, hasWritten: Bool) throws {
        for entry in plan.failing where entry.version == Int(envelope.version.number) {
            guard entry.aggregate == envelope.aggregate.description, hasWritten == (entry.way != .beforeItsWrites),
                entry.way != .whileParked || isParked(envelope)
            else { continue }
            let event = LedgerEntry(
                aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id)
            guard failures[event, default: 0] < entry.times ?? .max else { continue }
            failures[event, default: 0] += 1
            note("the handler of \(event) fails, as planned")
            throw PlannedFailure()
        }
    }

    private func isParked(_ envelope: Envelope) -> Bool {
        let key = MemoryKey(names.consumer, envelope.aggregate, envelope.version)
        return database?.committed[.parked][key]?.parked?.eventID == envelope.id
    }

    /// The handlers, with the ledger beside them.
    func handlers() -> Handlers {
        var handlers = Handlers()
        subject.register(&handlers, self)
        handlers.observe(
            { [self] envelope, transaction in
                let entry = LedgerEntry(
                    aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id)
                observe(.attempted(entry))
                try failIfPlanned(envelope, hasWritten: false)
                do {
                    try SimulationLedger.record(envelope, in: transaction)
                    if plan.options.meetsAtRows { try SimulationLedger.count(envelope, in: transaction) }
                } catch let error as StoreError where error.code == .statement {
                    observe(.appliedAgain(entry))
                    throw error
                }
                // Behind the ledger, so that a failure has something to undo.
                try failIfPlanned(envelope, hasWritten: true)
            }, failed: { [self] in noteFailure(of: $0, $1) })
        return handlers
    }

    /// A handler has thrown. Where the database failed, or the replica has crashed, it is not the event that is bad.
    private func noteFailure(of envelope: Envelope, _ error: any Error) {
        if (error as? StoreError)?.isInfrastructure == true { return }
        note("the handler of \(envelope.aggregate)@\(envelope.version) fails: \(error)")
        observe(
            .handlerFailed(
                LedgerEntry(aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id)))
    }
}
