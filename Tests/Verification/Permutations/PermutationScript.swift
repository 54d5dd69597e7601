/// One step of a transaction in a ``PermutationScript``. Aggregates and rows go by short names: `a` is `product/a`.
package enum PermutationStep: Hashable, Sendable {
    /// Reads the watermarks of these aggregates.
    case read([String])
    /// Claims these aggregates as they were read; what was not read is claimed as new.
    case claim([String])
    /// Applies one version of an aggregate that was claimed.
    case apply(String, Int64)
    /// Parks versions of an aggregate that was claimed.
    case park(String, [Int64])
    /// Applies what is parked directly above the watermark of an aggregate that was claimed, and deletes it.
    case drain(String)
    /// Writes the watermark of an aggregate that was claimed.
    case write(String)
    /// What a consumer does with versions that it holds of an aggregate that it has claimed: applies, drains, parks,
    /// writes.
    case consume(String, [Int64])
    /// Keeps a dead letter of a stream sequence.
    case keep(UInt64)
    /// Reads the open dead letters of these aggregates.
    case openDeadLetters([String])
    /// Finds drains left over.
    case leftovers
    /// Counts the parked rows.
    case parkedCount
    /// Reads the consumer's row, or inserts one of this identity.
    case register(String)
    /// Reads the head of an aggregate.
    case readHead(String)
    /// Moves the head of an aggregate from what was read (or from nothing) to the next version.
    case setHead(String)
    /// Adds the event of that version to the outbox.
    case insertOutbox(String)
    /// Takes up to so many rows of the outbox, as a relay does.
    case relay(Int)
    /// Marks what was taken as published.
    case mark
    /// Gives back what was taken.
    case release
    /// Inserts a row of the user's, whose key must be free.
    case insert(Int64)
    /// The same under a savepoint, whose failure is swallowed.
    case tryInsert(Int64)
    /// Adds one to a row of the user's.
    case add(Int64)
    /// Deletes a row of the user's.
    case delete(Int64)
    /// Reads all rows of the user's.
    case list
    /// Throws: the transaction is rolled back.
    case fail
}

/// Two or three transactions that run side by side, and what stood in the database before.
package struct PermutationScript: Hashable, Sendable, CustomStringConvertible {
    /// What the script is about.
    package var name: String
    /// Transactions that run before, one after the other.
    package var setup: [[PermutationStep]]
    /// The steps of each transaction; its commit follows.
    package var transactions: [[PermutationStep]]

    /// Creates a script of two transactions, or of three.
    package init(
        _ name: String, after setup: [[PermutationStep]] = [], _ first: [PermutationStep],
        against second: [PermutationStep], and third: [PermutationStep]? = nil
    ) {
        self.name = name
        self.setup = setup
        transactions = [first, second] + (third.map { [$0] } ?? [])
    }

    /// The name.
    package var description: String { name }

    /// All orders in which the turns of the transactions can follow one another: a turn is a step or the commit, and is
    /// written as the index of its transaction.
    package var orders: [[Int]] {
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
