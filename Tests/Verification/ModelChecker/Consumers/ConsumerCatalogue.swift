extension ConsumerScenario {
    /// The first versions of one aggregate, each published once, in order.
    package static func history(_ aggregate: Int, _ count: Int) -> [Message] {
        (1...count).map { Message(aggregate, $0) }
    }

    private static let poison = [Message(0, 1), Message(0, 2, .fails), Message(0, 3)]
    private static let forkOfCopies =
        history(0, 1) + [Message(0, 2), Message(0, 2, branch: 1), Message(0, 2), Message(0, 2, branch: 1)]

    // MARK: - For schedules drawn at random

    /// The scenarios in which schedules are drawn: small enough for the rare to happen often, and different in what is
    /// rare.
    package static let shapes: [ConsumerScenario] = [
        shape("two aggregates, three replicas", history(0, 3) + history(1, 3)) { $0.replicas = 3 },
        shape("one hot aggregate, four replicas", history(0, 5)) { $0.replicas = 4 },
        shape("every gap is parked at once", history(0, 4)) { $0.holds = false },
        shape("three aggregates", history(0, 2) + history(1, 2) + history(2, 2)) { $0.sweepers = 2 },
        shape("one writer at a time", history(0, 3) + history(1, 2)) { $0.isolation = .oneWriter },
        shape("a drain of one event a transaction", history(0, 4)) {
            $0.drainLimit = 1
            $0.holds = false
        },
        shape("a poison event", poison + history(1, 2)),
        shape("a poison event behind a gap", [Message(0, 1), Message(0, 2), Message(0, 3, .fails), Message(0, 4)]) {
            $0.holds = false
            $0.maxAttempts = 1
        },
        shape(
            "handlers that fail now and then",
            history(1, 2) + [Message(0, 1, .mayFail), Message(0, 2, .mayFail), Message(0, 3)]
        ) {
            $0.faults[.failure] = 4
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
            $0.faults[.failure] = 2
            $0.holds = false
        },
        shape(
            "two versions with a fork and a copy each",
            history(0, 1) + [
                Message(0, 2), Message(0, 2, branch: 1), Message(0, 2), Message(0, 3, .mayFail),
                Message(0, 3, .mayFail, branch: 1), Message(0, 3, .mayFail),
            ]
        ) {
            $0.faults[.failure] = 3
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
            $0.faults[.duplicate] = 3
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

    private static func shape(
        _ name: String, _ messages: [Message], _ change: (inout ConsumerScenario) -> Void = { _ in }
    ) -> ConsumerScenario {
        var scenario = ConsumerScenario(
            name, messages,
            [
                .crash: 2, .duplicate: 2, .lostAcknowledgement: 1, .conflict: 2, .unknownCommit: 1, .sweep: 6,
                .giveBack: 1,
            ])
        change(&scenario)
        return scenario
    }

    // MARK: - To be explored to their end

    /// The scenarios that are explored to their end, the small ones first.
    package static let explored: [ConsumerScenario] = [
        ConsumerScenario("three events, two replicas, a sweeper", history(0, 3), [.sweep: 1]),
        ConsumerScenario(
            "three events, a crash anywhere, a second delivery", history(0, 3), [.crash: 1, .duplicate: 1],
            sweepers: 0),
        ConsumerScenario(
            "two aggregates of two events, a crash anywhere", history(0, 2) + history(1, 2), [.crash: 1], sweepers: 0),
        ConsumerScenario(
            "two events of one version", history(0, 1) + [Message(0, 2), Message(0, 2, branch: 1)], [.crash: 1],
            holds: false),
        ConsumerScenario("an event and its fork, each twice", forkOfCopies, holds: false),
        ConsumerScenario("a poison event in the middle", poison, [.sweep: 2], holds: false),
        ConsumerScenario(
            "a handler that fails now and then", [Message(0, 1), Message(0, 2, .mayFail)], [.failure: 3, .sweep: 2],
            holds: false),
        ConsumerScenario(
            "two events, and everything that can be lost", history(0, 2),
            [.unknownCommit: 1, .conflict: 1, .lostAcknowledgement: 1, .duplicate: 1, .giveBack: 1], sweepers: 0),
        ConsumerScenario(
            "three events, room for one parked row, a drain of one a transaction", history(0, 3),
            [.sweep: 1, .giveBack: 1], holds: false, drainLimit: 1, parkedLimit: 1),
        ConsumerScenario(
            "one writer, four events, a crash, a second delivery", history(0, 4), [.crash: 1, .duplicate: 1],
            sweepers: 0, isolation: .oneWriter),
        ConsumerScenario("three events, three replicas", history(0, 3), replicas: 3, sweepers: 0),
        ConsumerScenario("four events, two replicas", history(0, 4), sweepers: 0),
        ConsumerScenario(
            "three events, a crash, a second delivery, a sweeper", history(0, 3),
            [.crash: 1, .duplicate: 1, .sweep: 1]),
        ConsumerScenario(
            "three events, three replicas, a crash", history(0, 3), [.crash: 1], replicas: 3, sweepers: 0),
        ConsumerScenario(
            "four events, three replicas, two crashes", history(0, 4), [.crash: 2], replicas: 3, sweepers: 0),
        ConsumerScenario(
            "two aggregates of two events, a crash, a second delivery, a lost commit", history(0, 2) + history(1, 2),
            [.crash: 1, .duplicate: 1, .unknownCommit: 1], sweepers: 0),
        ConsumerScenario(
            "four events, a drain of one a transaction, two sweepers", history(0, 4), [.sweep: 3], sweepers: 2,
            holds: false, drainLimit: 1),
    ]

    /// Larger scenarios, which take minutes: three replicas, four events, crashes, and all that the sweeper does.
    package static let exploredLong: [ConsumerScenario] = [
        ConsumerScenario(
            "three replicas: four events, a crash, a sweeper", history(0, 4), [.crash: 1, .sweep: 1], replicas: 3),
        ConsumerScenario(
            "three replicas: a poison event among three, two crashes, a sweeper", poison, [.crash: 2, .sweep: 2],
            replicas: 3, holds: false),
        ConsumerScenario(
            "three replicas: a handler that fails now and then, two crashes, a sweeper",
            [Message(0, 1), Message(0, 2, .mayFail), Message(0, 3)], [.failure: 2, .crash: 2, .sweep: 2], replicas: 3,
            holds: false),
        ConsumerScenario(
            "three replicas: two events of one version, two crashes, a sweeper",
            history(0, 1) + [Message(0, 2), Message(0, 2, branch: 1), Message(0, 3)], [.crash: 2, .sweep: 1],
            replicas: 3, holds: false),
        ConsumerScenario(
            "two replicas: an event and its fork, each twice, a crash, a sweeper", forkOfCopies,
            [.crash: 1, .sweep: 1], holds: false),
        ConsumerScenario(
            "three replicas: four events, room for one parked row, a crash, a sweeper", history(0, 4),
            [.sweep: 1, .crash: 1], replicas: 3, holds: false, drainLimit: 1, parkedLimit: 1),
        ConsumerScenario(
            "three replicas: two aggregates of two events, a crash, a sweeper", history(0, 2) + history(1, 2),
            [.crash: 1, .sweep: 1], replicas: 3),
    ]
}
