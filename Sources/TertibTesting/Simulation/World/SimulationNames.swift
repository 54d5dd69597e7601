import TertibRuntime
import TertibCore

/// The names in a simulated world, made once.
struct SimulationNames: Sendable {
    let namespace: Namespace
    let stream: StreamName
    let service: ServiceName
    let consumer: ConsumerName
    let source: EventSource
    let codec: WireCodec
    /// Written by others.
    let product: AggregateType
    /// Written by the replicas, through their outbox.
    let order: AggregateType
    /// Written by handlers, through the outbox: one event for each product event applied.
    let echo: AggregateType
    /// Written by the replicas, by append.
    let account: AggregateType
    /// Not taken by the consumer.
    let noise: AggregateType

    init() throws {
        namespace = try Namespace(SimulatedWorld.namespace)
        stream = try StreamName("SIMULATION")
        service = try ServiceName(SimulatedWorld.service)
        consumer = try ConsumerName(SimulatedWorld.consumer)
        source = try EventSource("/simulation")
        codec = WireCodec(namespace: namespace)
        product = try AggregateType("product")
        order = try AggregateType("order")
        echo = try AggregateType("echo")
        account = try AggregateType("account")
        noise = try AggregateType("noise")
    }

    var wanted: Set<AggregateType> { [product, order, echo, account] }

    /// The aggregate that a plan names, such as `product/2`.
    static func aggregate(_ text: String) -> Aggregate? {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let type = try? AggregateType(String(parts[0])),
            let id = try? AggregateID(String(parts[1]))
        else { return nil }
        return Aggregate(type: type, id: id)
    }
}
