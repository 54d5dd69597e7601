import Logging
import ServiceLifecycle
import Tertib
import TertibCore

/// Applies one event after the other, each in a transaction of its own, and acknowledges it after the commit: careful,
/// and still wrong.
struct NaiveConsumer: Service {
    let tertib: Tertib
    let way: NaiveWay
    let type: String

    /// At most so many deliveries are in hand.
    private static let prefetch = 32
    /// How long an event that was refused waits for its redelivery.
    private static let redelivery: Duration = .seconds(1)

    func run() async throws {
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
            let way = way
            try await tertib.transaction { transaction in
                try NaiveCopy(transaction: transaction, way: way).apply(envelope)
            }
            return .acknowledge
        } catch {
            // Any failure is treated alike, as tutorials do: throw, and be delivered again.
            return .negativeAcknowledge(delay: Self.redelivery)
        }
    }

    private func subscribe() async throws -> any DeliverySource {
        let subscription = Subscription(
            durableName: "\(tertib.options.service)-\(type)", onlyType: try AggregateType(type),
            acknowledgementWait: .seconds(3), pullLimit: Self.prefetch, storeID: "\(tertib.options.service)")
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
