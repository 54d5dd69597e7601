import TertibTesting
import Testing

@testable import ModelChecker
import TertibTesting

@Suite("Worlds of relays")
struct RelayWorldTests {
    /// Those that a debug build explores in a second or two; `make explore` goes through all of them.
    static let small = RelayScenario.explored.prefix(4)

    @Test("Nothing that can happen breaks published-iff-committed, and the rare happens")
    func exhaustively() throws {
        var branches = BranchCounts(of: RelayWorld.Branch.self)
        for scenario in Self.small {
            let result = try SmallWorld.relays(scenario).explore()
            #expect(result.finding == nil, "\(result.finding.map(String.init(describing:)) ?? "")")
            #expect(!result.isCutOff)
            #expect(result.states > 100)
            #expect(result.statesAtRest > 0)
            branches.add(result.branches)
        }
        #expect(branches.rarer(than: 1) == [])
    }

    /// What relays rest on: a broker that enforces expectations, which replicated streams of old servers do not; and a
    /// store that never hands out version 2 while another relay has version 1.
    static let wrong = [
        RelayScenario("a broker without expectations", [1], [.lostAnswer: 1, .forgottenIDs: 1], isFenced: false),
        RelayScenario("a store that hands out any row", [2], handsOutAnyRow: true),
    ]

    @Test("What is wrong around a relay is found, by the shortest schedule, which its file replays", arguments: wrong)
    func wrongSurroundings(scenario: RelayScenario) throws {
        let finding = try #require(try SmallWorld.relays(scenario).explore().finding)
        #expect(finding.violation.oracle == "published-iff-committed")
        #expect(finding.timeline.count <= 10, "\(finding)")
        let recording = try Recording(json: try finding.recording.json)
        #expect(recording == finding.recording)
        let replay = try recording.replay()
        #expect(replay.violation == finding.violation)
        #expect(replay.timeline == finding.timeline)
    }

    @Test("A scenario or a step that makes no sense is refused")
    func refused() throws {
        let schedule = Schedule<RelayWorld>(
            setup: RelayScenario("good", [1]), steps: [Step(.stage, 0)], violation: nil)
        let good = Recording(schedule)
        for change: (inout RelayScenario) -> Void in [
            { $0.versions = [] }, { $0.versions = [4] }, { $0.versions = [1, 1, 1] }, { $0.relays = 5 },
            { $0.inFlight = 0 }, { $0.faults[.crash] = 256 }, { $0.faults[.outage] = -1 },
        ] {
            var scenario = RelayScenario("wrong", [2])
            change(&scenario)
            #expect(throws: ScenarioError.self) { try SmallWorld.relays(scenario).explore() }
            var recording = good
            recording.world = .relays(scenario)
            let json = try recording.json
            #expect(Recording.isRecording(json))
            #expect(throws: ScenarioError.self) { try Recording(json: json) }
        }
        #expect(try Recording(json: try good.json).replay().timeline == ["product/1@1 is staged"])
        var bad = good
        bad.steps = ["age 0 0"]
        let json = try bad.json
        #expect(throws: ScenarioError.self) { try Recording(json: json) }
    }
}
