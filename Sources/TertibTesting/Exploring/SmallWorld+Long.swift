extension SmallWorld {
    /// Larger worlds for a longer run: three replicas, four events, crashes, and all that the sweeper does.
    package static var exploredLong: [SmallWorld] {
        [
            long("three replicas: four events, a crash, a sweeper", history(0, 4)) {
                $0.allowance.crashes = 1
                $0.allowance.sweeps = 1
                $0.sweepers = 1
            },
            long("three replicas: a poison event among three, two crashes, a sweeper", poison) {
                $0.allowance.crashes = 2
                $0.allowance.sweeps = 2
                $0.sweepers = 1
                $0.holds = false
            },
            long(
                "three replicas: a handler that fails now and then, two crashes, a sweeper",
                [Message(0, 1), Message(0, 2, .mayFail), Message(0, 3)]
            ) {
                $0.allowance.failures = 2
                $0.allowance.crashes = 2
                $0.allowance.sweeps = 2
                $0.sweepers = 1
                $0.holds = false
            },
            long("three replicas: two events of one version, two crashes, a sweeper", fork) {
                $0.allowance.crashes = 2
                $0.allowance.sweeps = 1
                $0.sweepers = 1
                $0.holds = false
            },
            long("two replicas: an event and its fork, each twice, a crash, a sweeper", forkOfCopies) {
                $0.replicas = 2
                $0.allowance.crashes = 1
                $0.allowance.sweeps = 1
                $0.sweepers = 1
                $0.holds = false
            },
            long("three replicas: four events, room for one parked row, a crash, a sweeper", history(0, 4)) {
                $0.parkedLimit = 1
                $0.drainLimit = 1
                $0.allowance.sweeps = 1
                $0.allowance.crashes = 1
                $0.sweepers = 1
                $0.holds = false
            },
            long("three replicas: two aggregates of two events, a crash, a sweeper", history(0, 2) + history(1, 2)) {
                $0.allowance.crashes = 1
                $0.allowance.sweeps = 1
                $0.sweepers = 1
            },
        ]
    }

    private static let poison = [Message(0, 1), Message(0, 2, .fails), Message(0, 3)]
    private static let forkOfCopies =
        history(0, 1) + [Message(0, 2), Message(0, 2, branch: 1), Message(0, 2), Message(0, 2, branch: 1)]
    private static let fork = history(0, 1) + [Message(0, 2), Message(0, 2, branch: 1), Message(0, 3)]

    private static func long(
        _ name: String, _ messages: [Message], _ change: (inout SmallWorld) -> Void
    ) -> SmallWorld {
        var world = SmallWorld(name, messages)
        world.replicas = 3
        world.sweepers = 0
        change(&world)
        return world
    }
}
