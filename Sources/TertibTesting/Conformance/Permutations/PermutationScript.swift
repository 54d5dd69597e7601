/// Two transactions that run side by side, and what stood in the database before.
public struct PermutationScript: Hashable, Sendable, CustomStringConvertible {
    /// What the script is about.
    public var name: String
    /// Transactions that run before, one after the other.
    public var setup: [[PermutationStep]]
    /// The steps of the first transaction; its commit follows.
    public var first: [PermutationStep]
    /// The steps of the second transaction; its commit follows.
    public var second: [PermutationStep]

    /// Creates a script.
    public init(
        _ name: String, after setup: [[PermutationStep]] = [], _ first: [PermutationStep],
        against second: [PermutationStep]
    ) {
        (self.name, self.setup, self.first, self.second) = (name, setup, first, second)
    }

    /// The name.
    public var description: String { name }

    /// All orders in which the turns of the two transactions can follow one another: a turn is a step or the commit,
    /// and `false` stands for the first transaction.
    public var orders: [[Bool]] { Self.orders(Self.turns(first), Self.turns(second)) }

    /// A transaction that fails does not come to its commit.
    private static func turns(_ steps: [PermutationStep]) -> Int {
        steps.last == .fail ? steps.count : steps.count + 1
    }

    private static func orders(_ first: Int, _ second: Int) -> [[Bool]] {
        if first == 0 || second == 0 {
            return [Array(repeating: false, count: first) + Array(repeating: true, count: second)]
        }
        return orders(first - 1, second).map { [false] + $0 } + orders(first, second - 1).map { [true] + $0 }
    }
}
