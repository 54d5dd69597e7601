/// A small world of relays: which versions are staged, how many relays publish them, and what may go wrong how often.
package struct RelayWorld: Hashable, Sendable, Codable {
    package var name: String
    /// How many versions each aggregate has.
    package var versions: [Int]
    package var relays = 2
    /// At most so many aggregates are published in one round.
    package var inFlight = 1024
    package var crashes = 0
    /// Publishes of which no answer comes: stored, not stored, or stored later.
    package var lostAnswers = 0
    /// Publishes that a relay gives up after all its attempts: stored, or not stored.
    package var outages = 0
    /// Transactions of which no answer comes: committed, or not.
    package var unknownCommits = 0
    /// How often the broker's memory of event ids may end.
    package var forgottenIDs = 0
    /// Whether the broker enforces expectations. One that does not is found out.
    package var isFenced = true
    /// Whether the store hands out a row although a lower one of its aggregate is with somebody else. None may.
    package var handsOutAnyRow = false

    package init(_ name: String, _ versions: [Int], _ change: (inout RelayWorld) -> Void = { _ in }) {
        self.name = name
        self.versions = versions
        change(&self)
    }

    /// At most so many aggregates, versions of each, and relays.
    package static let limits = (aggregates: 2, versions: 3, relays: 4)

    /// What makes it too large, or senseless; `nil` when nothing does.
    var fault: String? {
        let limits = Self.limits
        if versions.isEmpty || versions.count > limits.aggregates {
            return "a world of relays has 1 to \(limits.aggregates) aggregates"
        }
        if versions.contains(where: { !(1...limits.versions ~= $0) }) {
            return "each aggregate has 1 to \(limits.versions) versions"
        }
        if !(1...limits.relays ~= relays) { return "a world has 1 to \(limits.relays) relays" }
        if inFlight < 1 { return "a round publishes one aggregate at least" }
        if [crashes, lostAnswers, outages, unknownCommits, forgottenIDs].contains(where: { !(0...255 ~= $0) }) {
            return "what may go wrong, goes wrong at most 255 times"
        }
        return nil
    }
}
