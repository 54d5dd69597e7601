import Synchronization
import TertibCore

/// The deliveries in this replica's hands: taken from the log and not yet answered for good.
final class InFlightDeliveries: Sendable {
    private struct State {
        var nextTicket = 1
        var inHand: [Arrival.Ticket: Delivery] = [:]
        var pending: UInt64 = 0
    }
    private let state = Mutex(State())

    /// Takes deliveries in, and gives each a ticket, in order.
    func take(_ deliveries: [Delivery]) -> [(ticket: Arrival.Ticket, delivery: Delivery)] {
        state.withLock { state in
            if let last = deliveries.last { state.pending = last.pending }
            return deliveries.map { delivery in
                let ticket = Self.mint(&state)
                state.inHand[ticket] = delivery
                return (ticket, delivery)
            }
        }
    }

    /// A ticket for an event that no delivery brought.
    func ticket() -> Arrival.Ticket { state.withLock { Self.mint(&$0) } }

    /// Hands the deliveries of `tickets` out for their final answer, in order; tickets without a delivery are left out.
    func release(_ tickets: some Sequence<Arrival.Ticket>) -> [Delivery] {
        let sorted = tickets.sorted()
        return state.withLock { state in sorted.compactMap { state.inHand.removeValue(forKey: $0) } }
    }

    /// Hands everything out, in order.
    func releaseAll() -> [Delivery] {
        state.withLock { state in
            defer { state.inHand = [:] }
            return state.inHand.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// Whether a ticket's delivery is in hand.
    func holds(_ ticket: Arrival.Ticket) -> Bool { state.withLock { $0.inHand[ticket] != nil } }

    /// Everything in hand, in order of arrival.
    var inHand: [Delivery] {
        state.withLock { state in state.inHand.sorted { $0.key < $1.key }.map(\.value) }
    }

    /// How many messages the broker had not delivered yet when it delivered the last one here.
    var pending: UInt64 { state.withLock { $0.pending } }

    private static func mint(_ state: inout State) -> Arrival.Ticket {
        defer { state.nextTicket += 1 }
        return Arrival.Ticket(state.nextTicket)
    }
}
