/// Two or three transactions that run side by side, and what stood in the database before.
public struct PermutationScript: Hashable, Sendable, CustomStringConvertible {
    /// What the script is about.
    public var name: String
    /// Transactions that run before, one after the other.
    public var setup: [[PermutationStep]]
    /// The steps of each transaction; its commit follows.
    public var transactions: [[PermutationStep]]

    /// Creates a script of two transactions, or of three.
    public init(
        _ name: String, after setup: [[PermutationStep]] = [], _ first: [PermutationStep],
        against second: [PermutationStep], and third: [PermutationStep]? = nil
    ) {
        self.name = name
        self.setup = setup
        transactions = [first, second] + (third.map { [$0] } ?? [])
    }

    /// The name.
    public var description: String { name }

    /// All orders in which the turns of the transactions can follow one another: a turn is a step or the commit, and is
    /// written as the index of its transaction.
    public var orders: [[Int]] {
        var orders: [[Int]] = []
        var left = transactions.map(Self.turns)
        var order: [Int] = []
        Self.append(&left, &order, to: &orders)
        return orders
    }

    /// A transaction that fails does not come to its commit.
    private static func turns(_ steps: [PermutationStep]) -> Int {
        steps.last == .fail ? steps.count : steps.count + 1
    }

    private static func append(_ left: inout [Int], _ order: inout [Int], to orders: inout [[Int]]) {
        guard left.contains(where: { $0 > 0 }) else { return orders.append(order) }
        for transaction in left.indices where left[transaction] > 0 {
            left[transaction] -= 1
            order.append(transaction)
            append(&left, &order, to: &orders)
            order.removeLast()
            left[transaction] += 1
        }
    }
}
