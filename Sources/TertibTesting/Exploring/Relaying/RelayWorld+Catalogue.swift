extension RelayWorld {
    /// The worlds that are explored to the end, the small ones first.
    package static var explored: [RelayWorld] {
        [
            RelayWorld("two relays, a version, a crash, a lost answer, a forgetful broker", [1]) {
                $0.crashes = 1
                $0.lostAnswers = 1
                $0.forgottenIDs = 1
            },
            RelayWorld("two relays, two versions, a lost commit", [2]) { $0.unknownCommits = 1 },
            RelayWorld("two relays, two versions, a broker that goes away", [2]) { $0.outages = 1 },
            RelayWorld("two relays, two versions, a lost answer", [2]) { $0.lostAnswers = 1 },
            RelayWorld("two relays, three versions", [3]),
            RelayWorld("two relays, two versions, a crash, a forgetful broker", [2]) {
                $0.crashes = 1
                $0.forgottenIDs = 1
            },
            RelayWorld("two relays, two aggregates, one a round", [2, 1]) { $0.inFlight = 1 },
            RelayWorld("three relays, two versions, a crash", [2]) {
                $0.relays = 3
                $0.crashes = 1
            },
            RelayWorld("two relays, three versions, a crash, a lost answer", [3]) {
                $0.crashes = 1
                $0.lostAnswers = 1
            },
            RelayWorld("two relays, two versions, two lost answers, a forgetful broker, a lost commit", [2]) {
                $0.lostAnswers = 2
                $0.forgottenIDs = 1
                $0.unknownCommits = 1
            },
            RelayWorld("two relays, two aggregates, one a round, a crash, a lost answer", [2, 1]) {
                $0.inFlight = 1
                $0.crashes = 1
                $0.lostAnswers = 1
            },
            RelayWorld("two relays, two aggregates at once, a crash, a broker that goes away", [2, 1]) {
                $0.crashes = 1
                $0.outages = 1
            },
        ]
    }
}
