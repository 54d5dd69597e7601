#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A way through a world of relays as a file: the world in full, and its steps, so that it stays good when the catalogue
/// of worlds changes.
package struct RelayRecording: Hashable, Sendable, Codable {
    /// What came of the steps that were possible.
    package struct Replay: Sendable {
        /// What an oracle has found, at the last step or at rest.
        package let violation: ExplorerViolation?
        /// The steps that were taken, in words.
        package let timeline: [String]
        /// A hash over them: two equal ways have the same.
        package let traceHash: UInt64
    }

    /// Which engine takes it.
    package private(set) var engine = "relays"
    package var world: RelayWorld
    /// A step each: what, and by which relay, or of which aggregate.
    private var steps: [String]

    init(world: RelayWorld, steps: [RelayStep]) {
        self.world = world
        self.steps = steps.map { "\($0.kind) \($0.number)" }
    }

    /// Reads what ``json`` wrote.
    /// - Throws: `DecodingError`, or why the world cannot be explored.
    package init(json bytes: [UInt8]) throws {
        self = try JSONDecoder().decode(RelayRecording.self, from: Data(bytes))
        if let fault = world.fault { throw SmallWorldFault(description: fault) }
        _ = try parsed()
    }

    /// Whether a file is one of these.
    package static func isRecording(_ bytes: [UInt8]) -> Bool {
        struct Head: Decodable { var engine: String }
        // A file that cannot be read is none of ours, and the reader that takes it says why.
        return (try? JSONDecoder().decode(Head.self, from: Data(bytes)))?.engine == "relays"
    }

    /// The recording as a document: the same one gives the same bytes.
    package var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
            return Array(try encoder.encode(self))
        }
    }

    /// Takes the steps that are possible, up to the first violation.
    package func replay() throws -> Replay {
        let model = try RelayModel(world)
        var state = model.initialState
        var way: [RelayStep] = []
        var violation: ExplorerViolation?
        for step in try parsed() {
            var possible: [RelayStep] = []
            model.appendSteps(of: state, to: &possible)
            guard possible.contains(step) else { continue }
            way.append(step)
            violation = model.take(step, in: &state)
            if violation != nil { break }
        }
        if violation == nil, model.isQuiet(state) { violation = model.checkRest(state).violation }
        let hash = way.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
            ($0 ^ (UInt64($1.kind.rawValue) << 8 | UInt64($1.number))) &* 0x100_0000_01B3
        }
        return Replay(violation: violation, timeline: model.timeline(of: way), traceHash: hash)
    }

    private func parsed() throws -> [RelayStep] {
        try steps.map { text in
            let words = text.split(separator: " ")
            guard words.count == 2, let kind = RelayStep.Kind.allCases.first(where: { "\($0)" == words[0] }),
                let number = UInt8(words[1])
            else { throw SmallWorldFault(description: "\"\(text)\" is no step") }
            return RelayStep(kind, Int(number))
        }
    }
}
