import Testing

@testable import ShopOrders

@Suite("An order's status")
struct OrderStatusTests {
    /// Every allowed change; all others are refused.
    private static let allowed: [(OrderStatus, OrderChange, OrderStatus)] = [
        (.placed, .confirm, .confirmed), (.placed, .reject, .rejected), (.confirmed, .pay, .paid),
        (.confirmed, .cancel, .cancelled), (.paid, .ship, .shipped),
    ]

    @Test("follows the allowed changes and no others", arguments: OrderStatus.allCases, OrderChange.allCases)
    func followsAllowedChangesOnly(status: OrderStatus, change: OrderChange) {
        let expected = Self.allowed.first { $0.0 == status && $0.1 == change }?.2
        #expect(status.after(change) == expected)
    }

    @Test("never leaves its three ends", arguments: [OrderStatus.rejected, .cancelled, .shipped])
    func endsAreFinal(status: OrderStatus) {
        #expect(OrderChange.allCases.allSatisfy { status.after($0) == nil })
    }
}
