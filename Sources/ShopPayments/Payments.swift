import ShopEvents
import Tertib

/// What is done about payments, inside a transaction, together with the events that tell the others.
struct Payments {
    let transaction: HandlerTransaction

    /// Asks the bank for the money of an order that this service has a copy of.
    func collect(for order: String) throws {
        let rows = try transaction.query("SELECT customer, total FROM order_copy WHERE id = ?", order)
        guard let row = rows.first, let customer = row["customer"].integer, let total = row["total"].integer else {
            throw PaymentError.unknownOrder(order)
        }
        let isGood = Self.bankAgrees(customer: Int(customer))
        let payment = try Aggregate.payment(order)
        let version =
            isGood
            ? try transaction.stage(PaymentCaptured(amount: Int(total)), for: payment)
            : try transaction.stage(PaymentDeclined(amount: Int(total)), for: payment)
        try transaction.execute(
            "INSERT INTO payment (order_id, amount, status, version) VALUES (?, ?, ?, ?)", order, total,
            isGood ? "captured" : "declined", version)
    }

    /// Every tenth customer's card is declined. A real bank would be asked outside the transaction.
    static func bankAgrees(customer: Int) -> Bool { customer % 10 != 7 }
}

/// What the payments service cannot do.
enum PaymentError: Error, Hashable, CustomStringConvertible {
    case unknownOrder(String)

    var description: String {
        switch self {
        case .unknownOrder(let id): "this service has not heard of an order \(id)"
        }
    }
}
