extension SmallWorld {
    /// The first versions of one aggregate, each published once, in order.
    package static func history(_ aggregate: Int, _ count: Int) -> [Message] {
        (1...count).map { Message(aggregate, $0) }
    }

    /// The worlds that schedules are drawn in: small enough for the rare to happen often, and different in what is rare.
    package static var shapes: [SmallWorld] {
        [
            shape("two aggregates, three replicas", history(0, 3) + history(1, 3)) { $0.replicas = 3 },
            shape("one hot aggregate, four replicas", history(0, 5)) { $0.replicas = 4 },
            shape("every gap is parked at once", history(0, 4)) { $0.holds = false },
            shape("three aggregates", history(0, 2) + history(1, 2) + history(2, 2)) { $0.sweepers = 2 },
            shape("one writer at a time", history(0, 3) + history(1, 2)) { $0.isolation = .oneWriter },
            shape("a drain of one event a transaction", history(0, 4)) {
                $0.drainLimit = 1
                $0.holds = false
            },
            shape("a poison event", [Message(0, 1), Message(0, 2, .fails), Message(0, 3)] + history(1, 2)),
            shape("a poison event behind a gap", [Message(0, 1), Message(0, 2), Message(0, 3, .fails), Message(0, 4)]) {
                $0.holds = false
                $0.maxAttempts = 1
            },
            shape(
                "handlers that fail now and then",
                history(1, 2) + [Message(0, 1, .mayFail), Message(0, 2, .mayFail), Message(0, 3)]
            ) {
                $0.allowance.failures = 4
                $0.maxAttempts = 3
            },
            shape("an event published twice", history(0, 2) + [Message(0, 2), Message(0, 1), Message(0, 3)]) {
                $0.holds = false
            },
            shape("two events of the last version", history(0, 2) + [Message(0, 3), Message(0, 3, branch: 1)]) {
                $0.holds = false
            },
            shape(
                "two events of the last version, each of them twice",
                history(0, 2) + [
                    Message(0, 3, .mayFail), Message(0, 3, .mayFail, branch: 1), Message(0, 3, .mayFail),
                    Message(0, 3, .mayFail, branch: 1),
                ]
            ) {
                $0.allowance.failures = 2
                $0.holds = false
            },
            shape(
                "two versions with a fork and a copy each",
                history(0, 1) + [
                    Message(0, 2), Message(0, 2, branch: 1), Message(0, 2), Message(0, 3, .mayFail),
                    Message(0, 3, .mayFail, branch: 1), Message(0, 3, .mayFail),
                ]
            ) {
                $0.allowance.failures = 3
                $0.holds = false
            },
            shape(
                "a fork and copies, and few rows may be parked",
                history(0, 2) + [Message(0, 3), Message(0, 3, branch: 1), Message(0, 3), Message(0, 4)]
            ) {
                $0.parkedLimit = 1
                $0.holds = false
            },
            shape("few rows may be parked", history(0, 4) + history(1, 1)) {
                $0.parkedLimit = 1
                $0.holds = false
                $0.allowance.duplicates = 3
            },
            shape("few rows may be parked, of events published twice", history(0, 3) + [Message(0, 3), Message(0, 2)]) {
                $0.parkedLimit = 1
                $0.holds = false
            },
            shape(
                "two events of the first version, and the first once more",
                [Message(0, 1), Message(0, 1, branch: 1), Message(0, 1)]),
            shape(
                "two events of a version behind a gap, and the first once more",
                [Message(0, 2), Message(0, 2, branch: 1), Message(0, 2), Message(0, 1)]
            ) { $0.holds = false },
            shape("ids that look alike", history(2, 2) + history(3, 2)),
        ]
    }

    private static func shape(
        _ name: String, _ messages: [Message], _ change: (inout SmallWorld) -> Void = { _ in }
    ) -> SmallWorld {
        var world = SmallWorld(name, messages)
        world.allowance.crashes = 2
        world.allowance.duplicates = 2
        world.allowance.lostAcknowledgements = 1
        world.allowance.conflicts = 2
        world.allowance.unknownCommits = 1
        world.allowance.sweeps = 6
        world.allowance.returns = 1
        change(&world)
        return world
    }

    /// The worlds that are explored to the end, the small ones first.
    package static var explored: [SmallWorld] {
        [
            explored("three events, two replicas, a sweeper", history(0, 3)) { $0.allowance.sweeps = 1 },
            explored("three events, a crash anywhere, a second delivery", history(0, 3)) {
                $0.allowance.crashes = 1
                $0.allowance.duplicates = 1
                $0.sweepers = 0
            },
            explored("two aggregates of two events, a crash anywhere", history(0, 2) + history(1, 2)) {
                $0.allowance.crashes = 1
                $0.sweepers = 0
            },
            explored("two events of one version", history(0, 1) + [Message(0, 2), Message(0, 2, branch: 1)]) {
                $0.allowance.crashes = 1
                $0.holds = false
            },
            explored(
                "an event and its fork, each twice",
                history(0, 1) + [Message(0, 2), Message(0, 2, branch: 1), Message(0, 2), Message(0, 2, branch: 1)]
            ) { $0.holds = false },
            explored("a poison event in the middle", [Message(0, 1), Message(0, 2, .fails), Message(0, 3)]) {
                $0.allowance.sweeps = 2
                $0.holds = false
            },
            explored("a handler that fails now and then", [Message(0, 1), Message(0, 2, .mayFail)]) {
                $0.allowance.failures = 3
                $0.allowance.sweeps = 2
                $0.holds = false
            },
            explored("two events, and everything that can be lost", history(0, 2)) {
                $0.allowance.unknownCommits = 1
                $0.allowance.conflicts = 1
                $0.allowance.lostAcknowledgements = 1
                $0.allowance.duplicates = 1
                $0.allowance.returns = 1
                $0.sweepers = 0
            },
            explored("three events, room for one parked row, a drain of one a transaction", history(0, 3)) {
                $0.parkedLimit = 1
                $0.drainLimit = 1
                $0.allowance.sweeps = 1
                $0.allowance.returns = 1
                $0.holds = false
            },
            explored("one writer, four events, a crash, a second delivery", history(0, 4)) {
                $0.isolation = .oneWriter
                $0.allowance.crashes = 1
                $0.allowance.duplicates = 1
                $0.sweepers = 0
            },
            explored("three events, three replicas", history(0, 3)) {
                $0.replicas = 3
                $0.sweepers = 0
            },
            explored("four events, two replicas", history(0, 4)) { $0.sweepers = 0 },
            explored("three events, a crash, a second delivery, a sweeper", history(0, 3)) {
                $0.allowance.crashes = 1
                $0.allowance.duplicates = 1
                $0.allowance.sweeps = 1
            },
            explored("three events, three replicas, a crash", history(0, 3)) {
                $0.replicas = 3
                $0.allowance.crashes = 1
                $0.sweepers = 0
            },
            explored("four events, three replicas, two crashes", history(0, 4)) {
                $0.replicas = 3
                $0.allowance.crashes = 2
                $0.sweepers = 0
            },
            explored(
                "two aggregates of two events, a crash, a second delivery, a lost commit", history(0, 2) + history(1, 2)
            ) {
                $0.allowance.crashes = 1
                $0.allowance.duplicates = 1
                $0.allowance.unknownCommits = 1
                $0.sweepers = 0
            },
            explored("four events, a drain of one a transaction, two sweepers", history(0, 4)) {
                $0.drainLimit = 1
                $0.holds = false
                $0.sweepers = 2
                $0.allowance.sweeps = 3
            },
        ]
    }

    private static func explored(
        _ name: String, _ messages: [Message], _ change: (inout SmallWorld) -> Void
    ) -> SmallWorld {
        var world = SmallWorld(name, messages)
        change(&world)
        return world
    }
}
