import TertibTesting

/// Looks for a violation by exploring worlds of relays, the small ones first.
struct RelayHunt {
    /// The first violation: breadth first, so that there is no shorter way to one in that world.
    func first() throws -> Prey? {
        var states = 0
        for world in RelayWorld.explored {
            var search = try RelaySearch(world)
            let outcome = search.run()
            states += outcome.states
            guard let finding = outcome.finding else { continue }
            return Prey(
                engine: .relays, oracle: finding.violation.oracle, schedules: states,
                steps: finding.timeline.count, place: world.name, timeline: "\(finding)")
        }
        return nil
    }
}
