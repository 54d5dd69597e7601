public import TertibRuntime
import TertibCore

/// Simulates a service's own handlers: its events under shuffled, crashed and cut-off schedules, one for each seed, with
/// the real consumer and relay, and every oracle besides the invariant.
///
/// ```swift
/// try await simulate(
///     seeds: 0..<100, events: ["stock/1": [StockAdded(pieces: 5), StockTaken(pieces: 2)]], statements: statements
/// ) { handlers in
///     handlers.on(StockAdded.self) { event, transaction in
///         try transaction.execute(change, event.payload.pieces, event.aggregate.id)
///     }
///     handlers.on(StockTaken.self) { event, transaction in
///         try transaction.execute(change, -event.payload.pieces, event.aggregate.id)
///     }
/// } invariant: { state in
///     try state.require(state.rows("stock").map { $0["pieces"] }, equals: [.integer(3)])
/// }
/// ```
///
/// - Parameters:
///   - events: The history of each aggregate, such as `stock/1`, in the order of its versions. They are stored, and
///     delivered, in whatever order and number the seed says.
///   - publishes: The aggregate types that the handlers stage events of.
///   - statements: What the handlers' SQL means; see ``MemoryStatement``.
///   - configure: Changes what a seed stands for, such as to leave a fault out. Forks, poison, trims and what the
///     broker loses, which may stop an aggregate for good, are left out unless it asks for them.
///   - handlers: Registers the handlers, once for each replica's start.
///   - invariant: Is asked when everything has come to rest, and throws where something is wrong. `#expect` only records
///     an issue and throws nothing, so that no run would count as failed, and there were no seed, no smaller run and no
///     timeline.
/// - Throws: ``SimulationFailure`` with the first run that failed, made smaller, as a timeline.
public func simulate(
    seeds: Range<UInt64>, events: KeyValuePairs<String, [any DomainEvent]>, publishes: Set<String> = [],
    statements: [String: MemoryStatement] = [:],
    configure: @escaping @Sendable (inout SimulationOptions) -> Void = { _ in },
    handlers register: @escaping @Sendable (inout Handlers) -> Void,
    invariant: @escaping @Sendable (SimulationState) throws -> Void = { _ in }
) async throws {
    let histories = try UserHistories(events)
    let simulation = Simulation(try histories.subject(publishes, statements, register, invariant))
    let report = try await simulation.run(
        count: Simulation.count(seeds), jobs: 1, failureLimit: 1, progress: { _ in }
    ) { index in
        var options = SimulationOptions(seed: seeds.lowerBound + UInt64(index))
        // Foreign events of a user's aggregates, and what stops one for good, only where the user asks for it.
        (options.staged, options.appends, options.forks, options.poison, options.trims) = (0, 0, 0, 0, 0)
        (options.lostTails, options.restores, options.recreations) = (0, 0, 0)
        configure(&options)
        return SimulationPlan(options, histories: histories.lengths)
    }
    guard let failed = report.failures.first else { return }
    throw SimulationFailure(
        seed: failed.plan.options.seed, schedules: report.schedules, outcome: try await simulation.minimise(failed))
}

/// Runs one plan again, which a failed ``simulate(seeds:events:publishes:statements:configure:handlers:invariant:)`` has
/// told: the regression test of what it found.
///
/// - Parameters:
///   - plan: What happens, choice by choice. It is not made smaller.
///   - events: The same histories as in the call that failed; they may have further events.
///   - publishes: The aggregate types that the handlers stage events of.
///   - statements: What the handlers' SQL means.
///   - handlers: Registers the handlers.
///   - invariant: Is asked when everything has come to rest, and throws where something is wrong.
/// - Throws: ``SimulationFailure`` when the run fails; ``SimulationPlanError`` when the plan has an event that `events`
///   do not have, or a value that makes no sense.
public func simulate(
    replaying plan: SimulationPlan, events: KeyValuePairs<String, [any DomainEvent]>, publishes: Set<String> = [],
    statements: [String: MemoryStatement] = [:], handlers register: @escaping @Sendable (inout Handlers) -> Void,
    invariant: @escaping @Sendable (SimulationState) throws -> Void = { _ in }
) async throws {
    let histories = try UserHistories(events)
    try histories.check(plan)
    let simulation = Simulation(try histories.subject(publishes, statements, register, invariant))
    let outcome = try await simulation.run(plan, keepsTimeline: true)
    guard !outcome.violations.isEmpty else { return }
    throw SimulationFailure(seed: plan.options.seed, schedules: 1, outcome: outcome, isReplay: true)
}
