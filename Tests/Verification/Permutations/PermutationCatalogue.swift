extension PermutationScript {
    /// The scripts that every store is held against.
    package static var catalogue: [PermutationScript] { consuming + sweeping + publishing + usersRows }

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
            .init("two first events", replica("a", [1]), against: replica("a", [2])),
            .init("a hole between", replica("a", [1, 3]), against: replica("a", [2])),
            .init("two versions, one behind the other", after: applied, replica("a", [2]), against: replica("a", [3])),
            .init("a burst dealt one by one", after: applied, replica("a", [2, 4]), against: replica("a", [3, 5])),
            .init("park against drain", after: parked(3), replica("a", [2]), against: replica("a", [4])),
            .init("a second delivery", after: parked(3, 4), replica("a", [2]), against: replica("a", [2])),
            .init(
                "park against drain, step by step", after: applied,
                [.read(["a"]), .claim(["a"]), .park("a", [3]), .write("a")],
                against: [.read(["a"]), .claim(["a"]), .consume("a", [2])]),
            .init(
                "apply and drain, step by step", after: parked(3), [.read(["a"]), .claim(["a"]), .apply("a", 2)],
                against: [.read(["a"]), .claim(["a"]), .drain("a"), .write("a")]),
            .init(
                "two aggregates, in the other order",
                [.read(["a", "b"]), .claim(["a", "b"]), .consume("a", [1]), .consume("b", [2])],
                against: [.read(["b", "a"]), .claim(["b", "a"]), .consume("b", [1])]),
            .init("a claim that is given up", [.claim(["a"]), .apply("a", 1), .fail], against: replica("a", [1])),
            .init(
                "a claim on an old read", after: applied, [.read(["a"]), .claim(["a"]), .apply("a", 2), .fail],
                against: replica("a", [2])),
            .init(
                "what both have claimed, and the rest", after: applied,
                [.read(["a"]), .claim(["a", "b"]), .consume("b", [1])],
                against: [.read(["a", "b"]), .claim(["a", "b"]), .consume("a", [2])]),
        ]
    }

    private static var sweeping: [PermutationScript] {
        [
            .init(
                "a sweep against a delivery", after: parked(3), [.leftovers] + replica("a", []),
                against: replica("a", [2])),
            .init("a count against a park", after: applied, [.parkedCount, .parkedCount], against: replica("a", [3])),
            .init("one dead letter twice", [.keep(7), .openDeadLetters(["a"])], against: [.keep(7), .keep(8)]),
            .init("dead letters in the other order", [.keep(7), .keep(8)], against: [.keep(8), .keep(7)]),
            .init(
                "one consumer registered twice", [.register("one"), .parkedCount],
                against: [.register("two"), .parkedCount]),
            .init("a registration that is given up", [.register("one"), .fail], against: [.register("two")]),
        ]
    }

    private static let staged: [[PermutationStep]] = [[.setHead("a"), .insertOutbox("a")]]
    private static let stagedTwice =
        staged + [[.readHead("a"), .setHead("a"), .insertOutbox("a")], [.setHead("b"), .insertOutbox("b")]]

    private static var publishing: [PermutationScript] {
        let stage: [PermutationStep] = [.readHead("a"), .setHead("a"), .insertOutbox("a")]
        return [
            .init("two first versions staged", stage, against: stage),
            .init("two next versions staged", after: staged, stage, against: stage),
            .init("staged and given up", after: staged, stage + [.fail], against: stage),
            .init(
                "two aggregates staged, in the other order", [.setHead("a"), .setHead("b")],
                against: [.setHead("b"), .setHead("a")]),
            .init("a stage against a mark", after: staged, stage, against: [.relay(10), .mark]),
            .init("two relays, one row each", after: stagedTwice, [.relay(1), .mark], against: [.relay(1), .mark]),
            .init(
                "two relays, all rows", after: stagedTwice, [.relay(10), .mark, .relay(10)],
                against: [.relay(10), .release]),
            .init("a relay that is given up", after: stagedTwice, [.relay(10), .fail], against: [.relay(10), .mark]),
        ]
    }

    private static let rows: [[PermutationStep]] = [[.insert(1), .insert(2), .insert(3)]]

    private static var usersRows: [PermutationScript] {
        [
            .init("additions", after: rows, [.add(1), .list], against: [.add(1), .list]),
            .init(
                "additions in the other order", after: rows, [.add(1), .add(2), .list],
                against: [.add(2), .add(1), .list]),
            .init("one key inserted twice", [.insert(1), .list], against: [.insert(1), .list]),
            .init(
                "one key inserted twice, under savepoints", [.tryInsert(1), .add(1)], against: [.tryInsert(1), .add(1)]),
            .init("an insert that is given up", [.insert(1), .fail], against: [.tryInsert(1), .list]),
            .init("a deletion against an addition", after: rows, [.delete(1), .list], against: [.add(1), .list]),
            .init("a deletion against an insert", after: rows, [.delete(1), .list], against: [.tryInsert(1), .list]),
            .init(
                "a shared row behind two claims", [.claim(["a"]), .add(1), .consume("a", [1])],
                against: [.claim(["b"]), .add(1), .consume("b", [1])]),
            .init(
                "two shared rows behind two claims", after: rows, [.claim(["a"]), .add(1), .add(2)],
                against: [.claim(["b"]), .add(2), .add(1)]),
        ]
    }

    // MARK: - Three transactions

    /// Scripts with a third transaction; their orders are many, see `limit` of ``Permutations``.
    package static var catalogueOfThree: [PermutationScript] { consumingByThree + publishingByThree + rowsOfThree }

    private static var consumingByThree: [PermutationScript] {
        [
            .init(
                "three first claims", [.claim(["a"]), .consume("a", [1])],
                against: [.claim(["a"]), .consume("a", [2])],
                and: [.claim(["a"]), .consume("a", [3])]),
            .init(
                "park, park and drain", after: applied, replica("a", [3]), against: replica("a", [4]),
                and: replica("a", [2])),
            .init(
                "park against drain, and a sweep", after: parked(3), replica("a", [2]), against: replica("a", [4]),
                and: [.leftovers]
            ),
            .init(
                "park against drain, and a drain that is given up", after: parked(3), replica("a", [2]),
                against: replica("a", [4]),
                and: [.read(["a"]), .claim(["a"]), .drain("a"), .fail]),
            .init(
                "claims of pairs in a circle", [.claim(["a", "b"]), .apply("a", 1)],
                against: [.claim(["b", "a"]), .apply("b", 1)], and: [.claim(["b"]), .park("b", [2])]),
            .init(
                "dead letters in a circle", [.keep(7), .keep(8)], against: [.keep(8), .keep(9)],
                and: [.keep(9), .keep(7)]),
            .init(
                "one consumer registered by three", [.register("one")], against: [.register("two")],
                and: [.register("three"), .fail]),
        ]
    }

    private static var publishingByThree: [PermutationScript] {
        [
            .init(
                "three relays, one row each", after: stagedTwice, [.relay(1), .mark], against: [.relay(1), .mark],
                and: [.relay(1), .release]),
            .init(
                "a stage, a relay that marks, a relay that is given up", after: stagedTwice,
                [.readHead("a"), .setHead("a"), .insertOutbox("a")], against: [.relay(10), .mark],
                and: [.relay(1), .fail]),
            .init(
                "three next versions", after: stagedTwice, [.readHead("a"), .setHead("a")],
                against: [.readHead("a"), .setHead("a")], and: [.readHead("a"), .setHead("a")]),
        ]
    }

    private static var rowsOfThree: [PermutationScript] {
        [
            .init(
                "additions in a circle", after: rows, [.add(1), .add(2)], against: [.add(2), .add(3)],
                and: [.add(3), .add(1)]),
            .init(
                "one row added to by three", after: rows, [.add(1), .list], against: [.add(1)], and: [.add(1), .fail]),
            .init(
                "one key inserted by three", [.tryInsert(1), .list], against: [.tryInsert(1), .list],
                and: [.insert(1), .fail]),
            .init(
                "a deletion, an addition, an insert", after: rows, [.delete(1), .list], against: [.add(1)],
                and: [.tryInsert(1), .list]),
            .init(
                "a shared row behind three claims", after: rows, [.claim(["a"]), .add(1)],
                against: [.claim(["b"]), .add(1)], and: [.add(1)]),
        ]
    }
}
