public import Tertib
import TertibCore

/// Simulates a service's own handlers: its events under shuffled, crashed and cut-off schedules, one for each seed, with
/// the real consumer and relay, and every oracle besides the invariant.
///
/// ```swift
/// try await simulate(
///     seeds: 0..<200, events: ["stock/1": [StockAdded(5), StockTaken(2)]], statements: statements
/// ) { handlers in
///     handlers.on(StockAdded.self) { event, transaction in ... }
/// } invariant: { state in
///     #expect(state.rows("stock").first?["left"] == .integer(3))
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
///   - invariant: Is asked when everything has come to rest; throws where something is wrong.
/// - Throws: ``SimulationFailure`` with the first run that failed, made smaller, as a timeline.
public func simulate(
    seeds: Range<UInt64>, events: KeyValuePairs<String, [any DomainEvent]>, publishes: Set<String> = [],
    statements: [String: MemoryStatement] = [:],
    configure: @escaping @Sendable (inout SimulationOptions) -> Void = { _ in },
    handlers register: @escaping @Sendable (inout Handlers) -> Void,
    invariant: @escaping @Sendable (SimulationState) throws -> Void = { _ in }
) async throws {
    let histories = try UserHistories(events)
    let published = Set(try publishes.map { try AggregateType($0) })
    let subject = SimulationSubject(
        statements: statements, register: { handlers, _ in register(&handlers) },
        types: histories.types.union(published), published: published, message: { histories.message($0) },
        invariant: invariant)
    let simulation = Simulation(subject)
    let report = try await simulation.run(count: seeds.count, jobs: 1, failureLimit: 1, progress: { _ in }) { index in
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

/// A run of ``simulate(seeds:events:publishes:statements:configure:handlers:invariant:)`` failed.
public struct SimulationFailure: Error, Sendable, CustomStringConvertible {
    /// The seed.
    public let seed: UInt64
    /// How many runs there were up to this one.
    public let schedules: Int
    /// The run, made smaller, with its timeline.
    public let outcome: SimulationOutcome

    /// What is wrong, what happened, and how to run it again.
    public var description: String {
        let first = outcome.violations.first.map(\.description) ?? "it failed only before it was made smaller"
        return "seed \(seed): \(first)\n" + outcome.story.suffix(60).joined(separator: "\n")
            + "\nrun it again with seeds: \(seed)..<\(seed + 1)"
    }
}

/// A user's events, by aggregate.
struct UserHistories: Sendable {
    private let histories: [String: [NewEvent]]
    private let names: SimulationNames
    /// How many events each aggregate has, in the order in which they were given.
    let lengths: [(aggregate: String, count: Int)]
    let types: Set<AggregateType>

    init(_ events: KeyValuePairs<String, [any DomainEvent]>) throws {
        names = try SimulationNames()
        var histories: [String: [NewEvent]] = [:]
        var types: Set<AggregateType> = []
        for (name, payloads) in events {
            guard let aggregate = SimulationNames.aggregate(name) else {
                throw PublishingError(
                    .invalidEvent, attempted: "simulate \(name)", reason: "it is no aggregate, such as stock/1")
            }
            types.insert(aggregate.type)
            histories[name, default: []] += try payloads.map { try NewEvent($0) }
        }
        self.histories = histories
        self.types = types
        lengths = events.map { ($0.key, $0.value.count) }
    }

    /// The message of an event of a plan.
    func message(_ event: SimulationPlan.Event) -> WireMessage? {
        guard let aggregate = SimulationNames.aggregate(event.aggregate), let history = histories[event.aggregate],
            history.indices.contains(event.version - 1), let version = AggregateVersion(Int64(event.version)),
            let id = try? EventID("\(event.aggregate)@\(event.version)")
        else { return nil }
        let new = history[event.version - 1]
        var envelope = Envelope(
            id: new.id ?? id, source: names.source, type: new.type, aggregate: aggregate, version: version,
            time: VirtualTime.start, body: new.body)
        envelope.schemaRevision = new.schemaRevision
        return names.codec.encode(envelope)
    }
}
