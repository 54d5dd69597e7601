#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A schedule of the explorer as a file: the world in full, and its steps, so that it stays good when the catalogue of
/// worlds changes.
package struct ExplorerRecording: Hashable, Sendable, Codable {
    /// Which engine takes it.
    package private(set) var engine = "explorer"
    package var world: SmallWorld
    /// A step each: what, by which thread, with which message.
    private var steps: [String]

    init(world: SmallWorld, steps: [ExplorerStep]) {
        self.world = world
        self.steps = steps.map { "\($0.kind) \($0.thread) \($0.message)" }
    }

    /// Reads what ``json`` wrote.
    /// - Throws: `DecodingError`, or why the world cannot be explored.
    package init(json bytes: [UInt8]) throws {
        self = try JSONDecoder().decode(ExplorerRecording.self, from: Data(bytes))
        if let fault = world.fault { throw SmallWorldFault(description: fault) }
        _ = try parsed()
    }

    /// Whether a file is one of these, and no plan of the simulator.
    package static func isRecording(_ bytes: [UInt8]) -> Bool {
        struct Head: Decodable { var engine: String }
        // A file that cannot be read is none of ours, and the reader that takes it says why.
        return (try? JSONDecoder().decode(Head.self, from: Data(bytes)))?.engine == "explorer"
    }

    /// The recording as a document: the same one gives the same bytes.
    package var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
            return Array(try encoder.encode(self))
        }
    }

    /// Takes the steps that are possible.
    package func replay() throws -> (walk: ExplorerWalk, timeline: [String]) {
        let model = try ExplorerModel(world)
        let walk = try ExplorerReplay(model: model).walk(parsed())
        return (walk, model.timeline(of: walk.steps))
    }

    private func parsed() throws -> [ExplorerStep] {
        try steps.map { text in
            let words = text.split(separator: " ")
            guard words.count == 3, let kind = ExplorerStep.Kind.allCases.first(where: { "\($0)" == words[0] }),
                let thread = UInt8(words[1]), let message = UInt8(words[2])
            else { throw SmallWorldFault(description: "\"\(text)\" is no step") }
            return ExplorerStep(kind, Int(thread), message: Int(message))
        }
    }
}
