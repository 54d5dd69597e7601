package import TertibCore

/// A relay's round without its loop. The explorer runs it on a store and a log that stop it at every call; the relay's
/// loop runs the same code.
package struct SteppedRelay: Sendable {
    private let relay: Relay

    /// Creates a relay that publishes at most `inFlight` aggregates a round.
    package init(
        log: any EventLog, store: any ConsumerStore, codec: WireCodec, context: RuntimeContext, inFlight: Int
    ) {
        relay = Relay(
            log: log, store: store, codec: codec, settings: OutboxSettings(inFlight: inFlight), context: context,
            signal: WakeSignal())
    }

    /// One round: claim, publish, mark.
    /// - Returns: how many rows were published.
    package func pass() async throws -> Int { try await relay.round() }
}
