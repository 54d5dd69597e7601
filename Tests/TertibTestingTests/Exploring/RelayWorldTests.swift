import Testing

@testable import TertibTesting

@Suite("Exploring worlds of two relays")
struct RelayWorldTests {
    @Test("nothing that can happen breaks published-iff-committed, and the rare happens")
    func exhaustively() throws {
        var branches: [String: Int] = [:]
        for world in RelayWorld.explored.prefix(4) {
            var search = try RelaySearch(world)
            let outcome = search.run()
            let story = outcome.timeline.joined(separator: "\n")
            #expect(outcome.violation == nil, "\(world.name): \(outcome.violation?.finding ?? "")\n\(story)")
            #expect(outcome.states > 100)
            #expect(outcome.statesAtRest > 0)
            branches.merge(outcome.branches, uniquingKeysWith: +)
        }
        for branch in [
            "crash", "answerIsLost", "publishIsLost", "publishIsLate", "lateArrives", "commitIsUnknown",
            "commitIsLost", "idsAreForgotten", "timePasses", "duplicate", "superseded",
        ] {
            #expect(branches[branch, default: 0] > 0, "\(branch)")
        }
    }
}
