#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
package import TertibTesting

/// A violation with the steps that lead to it, in words.
package struct Finding: Sendable, CustomStringConvertible {
    package let violation: Violation
    /// The steps, in words.
    package let timeline: [String]
    /// A hash over them: two equal schedules have the same.
    package let traceHash: UInt64
    /// What replays it.
    package let recording: Recording
    /// Where it comes from, to find it again.
    package let origin: String

    /// A schedule's violation; `nil` if it has none.
    package init?<W: World>(_ schedule: Schedule<W>, in world: W, origin: String) {
        guard let violation = schedule.violation else { return nil }
        self.violation = violation
        self.origin = origin
        timeline = world.timeline(of: schedule.steps)
        traceHash = schedule.traceHash
        recording = Recording(schedule)
    }

    package var description: String {
        var lines = ["\(violation)", "  world: \(recording.world.name)", "  found by: \(origin)"]
        let width = String(timeline.count).count
        for (index, line) in timeline.enumerated() {
            let number = String(index + 1)
            lines.append("  " + String(repeating: " ", count: width - number.count) + "\(number)  \(line)")
        }
        return lines.joined(separator: "\n")
    }
}

/// A schedule as a file: the scenario in full, and its steps, so that it stays good when the catalogue changes.
package struct Recording: Hashable, Sendable, Codable {
    /// What came of a recording's steps.
    package struct Replay: Sendable {
        package let violation: Violation?
        /// The steps that were possible, in words.
        package let timeline: [String]
        /// A hash over them: two equal schedules have the same.
        package let traceHash: UInt64
    }

    /// Tells these files from those of other engines.
    package private(set) var engine = Self.engine
    package var world: SmallWorld
    /// The steps: ``Step/text``.
    package var steps: [String]

    private static let engine = "model-checker"

    package init<W: World>(_ schedule: Schedule<W>) {
        world = W.smallWorld(schedule.setup)
        steps = schedule.steps.map(\.text)
    }

    /// Reads what ``json`` wrote.
    /// - Throws: `DecodingError`, or ``ScenarioError``.
    package init(json bytes: [UInt8]) throws {
        self = try JSONDecoder().decode(Recording.self, from: Data(bytes))
        if let problem = world.problem { throw ScenarioError(problem) }
        try world.check(steps)
    }

    /// Whether a file is one of these, and not the plan of another engine.
    package static func isRecording(_ bytes: [UInt8]) -> Bool {
        struct Head: Decodable { var engine: String }
        // A file that cannot be read is not one of these, and the reader that takes it says why.
        return (try? JSONDecoder().decode(Head.self, from: Data(bytes)))?.engine == engine
    }

    /// The recording as a document: the same recording gives the same bytes.
    package var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
            return Array(try encoder.encode(self))
        }
    }

    /// Takes the steps that are possible, up to the first violation.
    package func replay() throws -> Replay { try world.replay(steps) }
}
