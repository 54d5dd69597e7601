public import TertibCore

/// Who a service is, and what it consumes and publishes.
public struct EventBusOptions: Hashable, Sendable {
    /// The service's name.
    public var service: ServiceName
    /// The first token of every subject.
    public var namespace: Namespace
    /// The consumers, by name.
    public var consumers: [ConsumerName: ConsumerSettings]
    /// How each aggregate type that this service owns is published.
    public var publishes: [AggregateType: PublishingMode]
    /// How the relay works.
    public var outbox: OutboxSettings

    /// Creates options.
    public init(
        service: ServiceName, namespace: Namespace, consumers: [ConsumerName: ConsumerSettings] = [:],
        publishes: [AggregateType: PublishingMode] = [:], outbox: OutboxSettings = OutboxSettings()
    ) {
        self.service = service
        self.namespace = namespace
        self.consumers = consumers
        self.publishes = publishes
        self.outbox = outbox
    }
}
