public import TertibRuntime
public import TertibCore

/// The configuration of one service: validated, complete and immutable.
///
/// Read it with ``load(_:)``. Everything that the file leaves out has its documented default, and ``settings`` tells
/// which is which.
public struct ServiceConfiguration: Sendable {
    /// The service's name.
    public let service: ServiceName
    /// How to reach NATS.
    public let nats: NATSConfiguration
    /// The stream.
    public let stream: StreamConfiguration
    /// The service's own database.
    public let store: StoreConfiguration
    /// The consumers, by name.
    public let consumers: [ConsumerName: ConsumerSettings]
    /// Which aggregate types the service publishes, and which way.
    public let publishes: [AggregateType: PublishingMode]
    /// How the relay works.
    public let outbox: OutboxSettings
    /// How the service logs.
    public let log: LogConfiguration
    /// Every setting with its value and where it came from, in a fixed order.
    public let settings: [EffectiveSetting]
    /// What is not wrong and still asks for attention, such as a secret that others can read.
    public let warnings: [ConfigurationProblem]

    /// What the runtime has to know.
    public var options: EventBusOptions {
        EventBusOptions(
            service: service, namespace: stream.namespace, consumers: consumers, publishes: publishes, outbox: outbox)
    }
}
