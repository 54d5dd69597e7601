import Logging
public import ServiceLifecycle
public import Tertib

/// Applies one event after the other, each in a transaction of its own, and acknowledges it after the commit: careful,
/// and still wrong.
public struct NaiveConsumer: Service {
    private let tertib: EventBus
    private let type: String
    private let redelivery: Duration
    private let acknowledgementWait: Duration
    private let apply: @Sendable (Envelope, HandlerTransaction) throws -> Void

    /// At most so many deliveries are in hand.
    private static let prefetch = 32

    /// Creates a consumer of one aggregate type.
    /// - Parameter redelivery: how long an event that was refused waits for its redelivery.
    /// - Parameter acknowledgementWait: how long the broker waits for an acknowledgement.
    /// - Parameter apply: writes what an event says; what it throws refuses the event.
    public init(
        tertib: EventBus, type: String, redelivery: Duration = .seconds(1), acknowledgementWait: Duration = .seconds(3),
        apply: @escaping @Sendable (Envelope, HandlerTransaction) throws -> Void
    ) {
        self.tertib = tertib
        self.type = type
        self.redelivery = redelivery
        self.acknowledgementWait = acknowledgementWait
        self.apply = apply
    }

    /// Consumes until the service group shuts down.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                try await consume()
            } catch is CancellationError {
                return  // asked to stop
            }
        }
    }

    private func consume() async throws {
        let source = try await subscribe()
        while !Task.isCancelled {
            let deliveries = try await source.next(upTo: Self.prefetch, waiting: .seconds(1))
            for delivery in deliveries where !Task.isCancelled {
                await source.answer(await answer(to: delivery), to: [delivery])
            }
        }
        await source.close()
    }

    /// Commits first, then acknowledges; what cannot be applied comes again.
    private func answer(to delivery: Delivery) async -> DeliveryAnswer {
        do {
            let envelope = try WireCodec(namespace: tertib.options.namespace).decode(delivery.message)
            let apply = apply
            try await tertib.transaction { transaction in try apply(envelope, transaction) }
            return .acknowledge
        } catch {
            // Any failure is treated alike, as tutorials do: throw, and be delivered again.
            return .negativeAcknowledge(delay: redelivery)
        }
    }

    private func subscribe() async throws -> any DeliverySource {
        let subscription = Subscription(
            durableName: "\(tertib.options.service)-\(type)", onlyType: try AggregateType(type),
            acknowledgementWait: acknowledgementWait, pullLimit: Self.prefetch, storeID: "\(tertib.options.service)")
        while true {
            let failure: EventLogError
            do {
                return try await tertib.log.subscribe(subscription)
            } catch {
                failure = error
            }
            guard failure.isRetriable else { throw failure }
            try await Task.sleep(for: .milliseconds(100))  // the broker is away: it will be back
        }
    }
}
