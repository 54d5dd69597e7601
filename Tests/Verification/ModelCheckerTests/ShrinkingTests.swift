import TertibCore
import TertibTesting
import Testing

@testable import ModelChecker

@Suite("A violation that a schedule leads to is made smaller")
struct ShrinkingTests {
    /// Objects to what is no fault at all, so that there is something to find.
    private struct NeverParked: Oracle {
        let id = "T"
        let name = "never-parked"
        let statement = "nothing is parked"

        mutating func observe(_ observation: Observation) -> String? {
            guard case .committed(let commit) = observation else { return nil }
            return commit.changes.flatMap(\.parked).first.map { "\($0.aggregate)@\($0.version) is parked" }
        }
    }

    private func found(in scenario: ConsumerScenario) throws -> Schedule<ConsumerWorld> {
        let schedules = try Schedules<ConsumerWorld>(scenario, also: [NeverParked()])
        return try #require((0..<UInt64(40)).lazy.map { schedules.run(seed: $0) }.first { $0.violation != nil })
    }

    @Test(
        "It becomes the smallest scenario and the shortest schedule, which its file replays", arguments: [0, 3, 4, 8])
    func smallest(shape: Int) throws {
        let schedule = try found(in: ConsumerScenario.shapes[shape])
        #expect(schedule.violation?.oracle == "never-parked")
        let least = try Shrinker.minimise(schedule, also: [NeverParked()])
        #expect(least.violation?.oracle == "never-parked")
        // Version 2 alone is delivered, decided on, and parked.
        #expect(least.setup.messages.count == 1)
        #expect(least.setup.threads == 1)
        let world = try ConsumerWorld(least.setup, also: [])
        let finding = try #require(Finding(least, in: world, origin: "a test"))
        #expect(finding.timeline.count <= 7, "\(finding)")
        let recording = try Recording(json: try finding.recording.json)
        #expect(recording == finding.recording)
        #expect(try recording.replay().timeline == finding.timeline)
    }

    @Test("A file that is not right is refused")
    func refused() throws {
        let recording = Recording(try found(in: ConsumerScenario.shapes[0]))
        #expect(Recording.isRecording(try recording.json))
        #expect(!Recording.isRecording(Array("{}".utf8)))
        var scenario = ConsumerScenario.shapes[0]
        scenario.messages[0].aggregate = -1
        for change: (inout Recording) -> Void in [
            { $0.world = .consumers(scenario) }, { $0.steps[0] = "devour 0 0" }, { $0.steps[0] = "deliver 0" },
        ] {
            var bad = recording
            change(&bad)
            let json = try bad.json
            #expect(throws: ScenarioError.self) { try Recording(json: json) }
        }
    }
}
