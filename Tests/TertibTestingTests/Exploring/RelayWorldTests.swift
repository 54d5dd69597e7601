import Testing

@testable import TertibTesting

@Suite("Exploring worlds of two relays")
struct RelayWorldTests {
    /// Those that a debug build explores in a second or two; `make explore` goes through all of them.
    static let small = RelayWorld.explored.prefix(4)

    @Test("nothing that can happen breaks published-iff-committed, and the rare happens")
    func exhaustively() throws {
        var branches: [String: Int] = [:]
        for world in Self.small {
            var search = try RelaySearch(world)
            let outcome = search.run()
            #expect(outcome.finding == nil, "\(outcome.finding.map(String.init(describing:)) ?? "")")
            #expect(!outcome.isCutOff)
            #expect(outcome.states > 100)
            #expect(outcome.statesAtRest > 0)
            branches.merge(outcome.branches, uniquingKeysWith: +)
        }
        for branch in RelayStep.Kind.allCases.map({ "\($0)" }) + ["duplicate", "superseded"] {
            #expect(branches[branch, default: 0] > 0, "\(branch)")
        }
    }

    /// What relays rest on: a broker that enforces expectations, which replicated streams of old servers do not; and a
    /// store that never hands out version 2 while version 1 is with somebody else.
    static let wrong = [
        RelayWorld("a broker without expectations", [1]) {
            $0.isFenced = false
            $0.lostAnswers = 1
            $0.forgottenIDs = 1
        },
        RelayWorld("a store that hands out any row", [2]) { $0.handsOutAnyRow = true },
    ]

    @Test("what is wrong around it is found, by the shortest way, which its file replays", arguments: wrong)
    func wrongSurroundings(world: RelayWorld) throws {
        var search = try RelaySearch(world)
        let finding = try #require(search.run().finding)
        #expect(finding.violation.oracle == "published-iff-committed")
        #expect(finding.timeline.count <= 10, "\(finding)")
        let recording = try RelayRecording(json: try finding.recording.json)
        #expect(recording == finding.recording)
        let replay = try recording.replay()
        #expect(replay.violation == finding.violation)
        #expect(replay.timeline == finding.timeline)
    }

    @Test("a world or a step that makes no sense is refused")
    func refused() throws {
        for change: (inout RelayWorld) -> Void in [
            { $0.versions = [] }, { $0.versions = [4] }, { $0.versions = [1, 1, 1] }, { $0.relays = 5 },
            { $0.inFlight = 0 }, { $0.crashes = 256 }, { $0.outages = -1 },
        ] {
            let world = RelayWorld("wrong", [2], change)
            #expect(throws: SmallWorldFault.self) { try RelaySearch(world) }
            let json = try RelayRecording(world: world, steps: []).json
            #expect(RelayRecording.isRecording(json))
            #expect(throws: SmallWorldFault.self) { try RelayRecording(json: json) }
        }
        let good = try RelayRecording(world: RelayWorld("good", [1]), steps: [RelayStep(.stage, 0)]).json
        #expect(try RelayRecording(json: good).replay().timeline == ["product/1@1 is staged"])
        let bad = Array(String(decoding: good, as: UTF8.self).replacing("\"stage 0\"", with: "\"age 0\"").utf8)
        #expect(throws: SmallWorldFault.self) { try RelayRecording(json: bad) }
    }
}
