/// What may go wrong in a world of relays, each as often as the scenario says.
package enum RelayFault: String, Hashable, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
    case crash
    /// A publish of which no answer comes: stored, not stored, or stored later.
    case lostAnswer
    /// A publish that a relay gives up after all its attempts: stored, or not stored.
    case outage
    /// A transaction of which no answer comes: committed, or not.
    case unknownCommit
    /// The broker's memory of event ids ends.
    case forgottenIDs

    var index: Int {
        switch self {
        case .crash: 0
        case .lostAnswer: 1
        case .outage: 2
        case .unknownCommit: 3
        case .forgottenIDs: 4
        }
    }
}

/// Relays of one outbox: which versions are staged, how many relays publish them, and what may go wrong.
package struct RelayScenario: Scenario {
    package var name: String
    /// The number of versions of each aggregate.
    package var versions: [Int]
    package var faults: [RelayFault: Int]
    package var relays: Int
    /// Maximum number of aggregates published in one round.
    package var inFlight: Int
    /// Whether the broker enforces expectations, which the relay rests on.
    package var isFenced: Bool
    /// Whether the store hands out a row although another relay has a lower one of its aggregate. The relay rests on a
    /// store that does not.
    package var handsOutAnyRow: Bool

    package init(
        _ name: String, _ versions: [Int], _ faults: [RelayFault: Int] = [:], relays: Int = 2, inFlight: Int = 1024,
        isFenced: Bool = true, handsOutAnyRow: Bool = false
    ) {
        self.name = name
        self.versions = versions
        self.faults = faults
        self.relays = relays
        self.inFlight = inFlight
        self.isFenced = isFenced
        self.handsOutAnyRow = handsOutAnyRow
    }

    /// The largest numbers of aggregates, of versions of each, and of relays.
    package static let limits = (aggregates: 2, versions: 3, relays: 4)

    package var problem: String? {
        let limits = Self.limits
        if versions.isEmpty || versions.count > limits.aggregates {
            return "a scenario of relays has 1 to \(limits.aggregates) aggregates"
        }
        if versions.contains(where: { !(1...limits.versions ~= $0) }) {
            return "each aggregate has 1 to \(limits.versions) versions"
        }
        if !(1...limits.relays ~= relays) { return "a scenario has 1 to \(limits.relays) relays" }
        if inFlight < 1 { return "a round publishes at least one aggregate" }
        if faults.values.contains(where: { !(0...255 ~= $0) }) { return "a fault happens at most 255 times" }
        return nil
    }

    /// The scenarios that are explored to their end, the small ones first.
    package static let explored: [RelayScenario] = [
        RelayScenario(
            "two relays, a version, a crash, a lost answer, a forgetful broker", [1],
            [.crash: 1, .lostAnswer: 1, .forgottenIDs: 1]),
        RelayScenario("two relays, two versions, a lost commit", [2], [.unknownCommit: 1]),
        RelayScenario("two relays, two versions, a broker that goes away", [2], [.outage: 1]),
        RelayScenario("two relays, two versions, a lost answer", [2], [.lostAnswer: 1]),
        RelayScenario("two relays, three versions", [3]),
        RelayScenario(
            "two relays, two versions, a crash, a forgetful broker", [2], [.crash: 1, .forgottenIDs: 1]),
        RelayScenario("two relays, two aggregates, one a round", [2, 1], inFlight: 1),
        RelayScenario("three relays, two versions, a crash", [2], [.crash: 1], relays: 3),
        RelayScenario(
            "two relays, three versions, a crash, a lost answer", [3], [.crash: 1, .lostAnswer: 1]),
        RelayScenario(
            "two relays, two versions, two lost answers, a forgetful broker, a lost commit", [2],
            [.lostAnswer: 2, .forgottenIDs: 1, .unknownCommit: 1]),
        RelayScenario(
            "two relays, two aggregates, one a round, a crash, a lost answer", [2, 1], [.crash: 1, .lostAnswer: 1],
            inFlight: 1),
        RelayScenario(
            "two relays, two aggregates at once, a crash, a broker that goes away", [2, 1],
            [.crash: 1, .outage: 1]),
    ]
}
