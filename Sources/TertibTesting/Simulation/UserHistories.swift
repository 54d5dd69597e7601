import TertibRuntime
import TertibCore

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

    /// What is simulated: these events, and the user's handlers.
    func subject(
        _ publishes: Set<String>, _ statements: [String: MemoryStatement],
        _ register: @escaping @Sendable (inout Handlers) -> Void,
        _ invariant: @escaping @Sendable (SimulationState) throws -> Void
    ) throws -> SimulationSubject {
        let published = Set(try publishes.map { try AggregateType($0) })
        return SimulationSubject(
            statements: statements, register: { handlers, _ in register(&handlers) },
            types: types.union(published), published: published, message: { message($0) }, invariant: invariant)
    }

    /// Refuses a plan with events that there are none of here: it would run, and say nothing about them.
    func check(_ plan: SimulationPlan) throws(SimulationPlanError) {
        for (index, event) in plan.events.enumerated() where event.kind == nil {
            let count = histories[event.aggregate]?.count ?? 0
            if !(1...max(1, count)).contains(event.version) || count == 0 {
                throw SimulationPlanError(
                    field: "events[\(index)]",
                    reason: "is \(event.aggregate)@\(event.version), and the histories have "
                        + (count == 0 ? "no such aggregate" : "only \(count) of its events"))
            }
        }
    }
}
