extension PermutationScript {
    /// Scripts with a third transaction; their orders are many, see `limit` of ``Permutations``.
    public static var catalogueOfThree: [PermutationScript] { consumingByThree + publishingByThree + rowsOfThree }

    private static let applied: [[PermutationStep]] = [[.claim(["a"]), .consume("a", [1])]]
    private static let gapped: [[PermutationStep]] = [[.claim(["a"]), .consume("a", [1, 3])]]

    private static func replica(_ versions: [Int64]) -> [PermutationStep] {
        [.read(["a"]), .claim(["a"]), .consume("a", versions)]
    }

    private static var consumingByThree: [PermutationScript] {
        [
            PermutationScript(
                "three first claims", [.claim(["a"]), .consume("a", [1])],
                against: [.claim(["a"]), .consume("a", [2])],
                and: [.claim(["a"]), .consume("a", [3])]),
            PermutationScript(
                "park, park and drain", after: applied, replica([3]), against: replica([4]), and: replica([2])),
            PermutationScript(
                "park against drain, and a sweep", after: gapped, replica([2]), against: replica([4]), and: [.leftovers]
            ),
            PermutationScript(
                "park against drain, and a drain that is given up", after: gapped, replica([2]), against: replica([4]),
                and: [.read(["a"]), .claim(["a"]), .drain("a"), .fail]),
            PermutationScript(
                "claims of pairs in a circle", [.claim(["a", "b"]), .apply("a", 1)],
                against: [.claim(["b", "a"]), .apply("b", 1)], and: [.claim(["b"]), .park("b", [2])]),
            PermutationScript(
                "dead letters in a circle", [.keep(7), .keep(8)], against: [.keep(8), .keep(9)],
                and: [.keep(9), .keep(7)]),
            PermutationScript(
                "one consumer registered by three", [.register("one")], against: [.register("two")],
                and: [.register("three"), .fail]),
        ]
    }

    private static let staged: [[PermutationStep]] = [
        [.setHead("a"), .insertOutbox("a")], [.readHead("a"), .setHead("a"), .insertOutbox("a")],
        [.setHead("b"), .insertOutbox("b")],
    ]

    private static var publishingByThree: [PermutationScript] {
        [
            PermutationScript(
                "three relays, one row each", after: staged, [.relay(1), .mark], against: [.relay(1), .mark],
                and: [.relay(1), .release]),
            PermutationScript(
                "a stage, a relay that marks, a relay that is given up", after: staged,
                [.readHead("a"), .setHead("a"), .insertOutbox("a")], against: [.relay(10), .mark],
                and: [.relay(1), .fail]),
            PermutationScript(
                "three next versions", after: staged, [.readHead("a"), .setHead("a")],
                against: [.readHead("a"), .setHead("a")], and: [.readHead("a"), .setHead("a")]),
        ]
    }

    private static let rows: [[PermutationStep]] = [[.insert(1), .insert(2), .insert(3)]]

    private static var rowsOfThree: [PermutationScript] {
        [
            PermutationScript(
                "additions in a circle", after: rows, [.add(1), .add(2)], against: [.add(2), .add(3)],
                and: [.add(3), .add(1)]),
            PermutationScript(
                "one row added to by three", after: rows, [.add(1), .list], against: [.add(1)], and: [.add(1), .fail]),
            PermutationScript(
                "one key inserted by three", [.tryInsert(1), .list], against: [.tryInsert(1), .list],
                and: [.insert(1), .fail]),
            PermutationScript(
                "a deletion, an addition, an insert", after: rows, [.delete(1), .list], against: [.add(1)],
                and: [.tryInsert(1), .list]),
            PermutationScript(
                "a shared row behind three claims", after: rows, [.claim(["a"]), .add(1)],
                against: [.claim(["b"]), .add(1)], and: [.add(1)]),
        ]
    }
}
