import Testing
import TertibCore

@testable import TertibTesting

@Suite("A violation that the explorer has found is made smaller")
struct ShrinkingTests {
    /// Objects to what is no fault at all, so that there is something to find.
    private struct NeverParked: Oracle {
        let name = "never-parked"
        let statement = "nothing is parked"

        mutating func observe(_ observation: Observation) -> String? {
            guard case .committed(let commit) = observation else { return nil }
            return commit.changes.flatMap(\.parked).first.map { "\($0.aggregate)@\($0.version) is parked" }
        }
    }

    @Test("to the smallest world and the shortest way, which its file replays", arguments: [0, 3, 4, 8])
    func smallest(shape: Int) throws {
        let schedules = try RandomSchedules(SmallWorld.shapes[shape], also: [NeverParked()])
        let finding = try #require((0..<UInt64(40)).lazy.compactMap { schedules.run(seed: $0) }.first)
        #expect(finding.violation.oracle == "never-parked")
        let least = try ExplorerShrinker.minimise(finding, also: [NeverParked()])
        #expect(least.violation.oracle == "never-parked")
        // Version 2 alone is delivered, decided on, and parked.
        #expect(least.world.messages.count == 1)
        #expect(least.world.threads == 1)
        #expect(least.timeline.count <= 7, "\(least)")
        let recording = try ExplorerRecording(json: try least.recording.json)
        #expect(recording == least.recording)
        #expect(try recording.replay().timeline == least.timeline)
    }

    @Test("a file that is not right is refused")
    func refused() throws {
        let schedules = try RandomSchedules(SmallWorld.shapes[0], also: [NeverParked()])
        let finding = try #require((0..<UInt64(40)).lazy.compactMap { schedules.run(seed: $0) }.first)
        var recording = finding.recording
        #expect(ExplorerRecording.isRecording(try recording.json))
        #expect(!ExplorerRecording.isRecording(Array("{}".utf8)))
        recording.world.messages[0].aggregate = -1
        let bad = try recording.json
        #expect(throws: SmallWorldFault.self) { try ExplorerRecording(json: bad) }
        #expect(throws: SmallWorldFault.self) {
            try ExplorerRecording(
                json: Array(
                    String(decoding: try finding.recording.json, as: UTF8.self)
                        .replacing("\"deliver ", with: "\"devour ").utf8))
        }
    }
}
