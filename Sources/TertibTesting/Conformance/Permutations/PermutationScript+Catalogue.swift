extension PermutationScript {
    /// The scripts that every store is held against.
    public static var catalogue: [PermutationScript] { consuming + sweeping + publishing + usersRows }

    /// A consumer's transaction in its usual form.
    private static func replica(_ aggregate: String, _ versions: [Int64]) -> [PermutationStep] {
        [.read([aggregate]), .claim([aggregate]), .consume(aggregate, versions)]
    }

    private static let applied: [[PermutationStep]] = [[.claim(["a"]), .consume("a", [1])]]

    private static func parked(_ versions: Int64...) -> [[PermutationStep]] {
        [[.claim(["a"]), .consume("a", [1] + versions)]]
    }

    private static var consuming: [PermutationScript] {
        [
            PermutationScript("two first events", replica("a", [1]), against: replica("a", [2])),
            PermutationScript("a hole between", replica("a", [1, 3]), against: replica("a", [2])),
            PermutationScript("neighbours", after: applied, replica("a", [2]), against: replica("a", [3])),
            PermutationScript(
                "a burst dealt one by one", after: applied, replica("a", [2, 4]), against: replica("a", [3, 5])),
            PermutationScript(
                "park against drain", after: parked(3), replica("a", [2]), against: replica("a", [4])),
            PermutationScript(
                "a second delivery", after: parked(3, 4), replica("a", [2]), against: replica("a", [2])),
            PermutationScript(
                "park against drain, step by step", after: applied,
                [.read(["a"]), .claim(["a"]), .park("a", [3]), .write("a")],
                against: [.read(["a"]), .claim(["a"]), .consume("a", [2])]),
            PermutationScript(
                "apply and drain, step by step", after: parked(3), [.read(["a"]), .claim(["a"]), .apply("a", 2)],
                against: [.read(["a"]), .claim(["a"]), .drain("a"), .write("a")]),
            PermutationScript(
                "two aggregates, in the other order",
                [.read(["a", "b"]), .claim(["a", "b"]), .consume("a", [1]), .consume("b", [2])],
                against: [.read(["b", "a"]), .claim(["b", "a"]), .consume("b", [1])]),
            PermutationScript(
                "a claim that is given up", [.claim(["a"]), .apply("a", 1), .fail], against: replica("a", [1])),
            PermutationScript(
                "a claim on an old read", after: applied, [.read(["a"]), .claim(["a"]), .apply("a", 2), .fail],
                against: replica("a", [2])),
            PermutationScript(
                "what both have claimed, and the rest", after: applied,
                [.read(["a"]), .claim(["a", "b"]), .consume("b", [1])],
                against: [.read(["a", "b"]), .claim(["a", "b"]), .consume("a", [2])]),
        ]
    }

    private static var sweeping: [PermutationScript] {
        [
            PermutationScript(
                "a sweep against a delivery", after: parked(3), [.leftovers] + replica("a", []),
                against: replica("a", [2])),
            PermutationScript(
                "a count against a park", after: applied, [.parkedCount, .parkedCount], against: replica("a", [3])),
            PermutationScript(
                "one dead letter twice", [.keep(7), .openDeadLetters(["a"])], against: [.keep(7), .keep(8)]),
            PermutationScript(
                "dead letters in the other order", [.keep(7), .keep(8)], against: [.keep(8), .keep(7)]),
            PermutationScript(
                "one consumer registered twice", [.register("one"), .parkedCount],
                against: [.register("two"), .parkedCount]),
            PermutationScript(
                "a registration that is given up", [.register("one"), .fail], against: [.register("two")]),
        ]
    }

    private static let staged: [[PermutationStep]] = [[.setHead("a"), .insertOutbox("a")]]
    private static let stagedTwice =
        staged + [[.readHead("a"), .setHead("a"), .insertOutbox("a")], [.setHead("b"), .insertOutbox("b")]]

    private static var publishing: [PermutationScript] {
        let stage: [PermutationStep] = [.readHead("a"), .setHead("a"), .insertOutbox("a")]
        return [
            PermutationScript("two first versions staged", stage, against: stage),
            PermutationScript("two next versions staged", after: staged, stage, against: stage),
            PermutationScript("staged and given up", after: staged, stage + [.fail], against: stage),
            PermutationScript(
                "two aggregates staged, in the other order", [.setHead("a"), .setHead("b")],
                against: [.setHead("b"), .setHead("a")]),
            PermutationScript("a stage against a mark", after: staged, stage, against: [.relay(10), .mark]),
            PermutationScript(
                "two relays, one row each", after: stagedTwice, [.relay(1), .mark], against: [.relay(1), .mark]),
            PermutationScript(
                "two relays, all rows", after: stagedTwice, [.relay(10), .mark, .relay(10)],
                against: [.relay(10), .release]),
            PermutationScript(
                "a relay that is given up", after: stagedTwice, [.relay(10), .fail], against: [.relay(10), .mark]),
        ]
    }

    private static let rows: [[PermutationStep]] = [[.insert(1), .insert(2)]]

    private static var usersRows: [PermutationScript] {
        [
            PermutationScript("additions", after: rows, [.add(1), .list], against: [.add(1), .list]),
            PermutationScript(
                "additions in the other order", after: rows, [.add(1), .add(2), .list],
                against: [.add(2), .add(1), .list]),
            PermutationScript("one key inserted twice", [.insert(1), .list], against: [.insert(1), .list]),
            PermutationScript(
                "one key inserted twice, under savepoints", [.tryInsert(1), .add(1)], against: [.tryInsert(1), .add(1)]),
            PermutationScript("an insert that is given up", [.insert(1), .fail], against: [.tryInsert(1), .list]),
            PermutationScript(
                "a deletion against an addition", after: rows, [.delete(1), .list], against: [.add(1), .list]),
            PermutationScript(
                "a deletion against an insert", after: rows, [.delete(1), .list], against: [.tryInsert(1), .list]),
            PermutationScript(
                "a shared row behind two claims", [.claim(["a"]), .add(1), .consume("a", [1])],
                against: [.claim(["b"]), .add(1), .consume("b", [1])]),
            PermutationScript(
                "two shared rows behind two claims", after: rows, [.claim(["a"]), .add(1), .add(2)],
                against: [.claim(["b"]), .add(2), .add(1)]),
        ]
    }
}
