public import TertibCore

extension EventBusOptions {
    /// The name of the JetStream consumer behind a consumer of this service: `<service>-<consumer>`.
    public func durableName(of consumer: ConsumerName) -> String { "\(service)-\(consumer)" }
}
