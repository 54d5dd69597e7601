import Foundation
import TertibTesting

/// Goes through small worlds to their end, and prints what there was to see.
struct Expedition {
    private let isLong: Bool
    private let words: String?
    private var states = 0
    private var transitions = 0
    private var seconds = 0.0
    private var isSilent = true

    init(_ options: Options) {
        (isLong, words) = (options.isLong, options.world)
    }

    /// Explores the worlds, up to the first in which an oracle objects.
    /// - Returns: whether none did.
    func explore() throws -> Bool {
        var expedition = self
        return try expedition.run()
    }

    private mutating func run() throws -> Bool {
        print(
            "states".padded(12) + "transitions".padded(13) + "at rest".padded(9) + "depth".padded(7) + "seconds  world")
        for world in SmallWorld.explored + (isLong ? SmallWorld.exploredLong : [])
        where isSilent && isChosen(world.name) {
            var search = try ExhaustiveSearch(world)
            let outcome = search.run()
            tell(
                Row(
                    world: world.name, states: outcome.states, transitions: outcome.transitions,
                    statesAtRest: outcome.statesAtRest, depth: outcome.depth, seconds: outcome.seconds),
                outcome.finding.map { "\($0)" }, isCutOff: outcome.isCutOff)
        }
        for world in RelayWorld.explored
        where isSilent && isChosen(world.name) {
            var search = try RelaySearch(world)
            let outcome = search.run()
            tell(
                Row(
                    world: world.name, states: outcome.states, transitions: outcome.transitions,
                    statesAtRest: outcome.statesAtRest, depth: outcome.depth, seconds: outcome.seconds),
                outcome.finding.map { "\($0)" }, isCutOff: outcome.isCutOff)
        }
        print("\(states)".padded(12) + "\(transitions)".padded(29) + String(format: "%7.2f  together", seconds))
        return isSilent && states > 0
    }

    private func isChosen(_ name: String) -> Bool { words.map { name.contains($0) } ?? true }

    private struct Row {
        let world: String
        let states: Int
        let transitions: Int
        let statesAtRest: Int
        let depth: Int
        let seconds: Double
    }

    private mutating func tell(_ row: Row, _ finding: String?, isCutOff: Bool) {
        print(
            "\(row.states)".padded(12) + "\(row.transitions)".padded(13) + "\(row.statesAtRest)".padded(9)
                + "\(row.depth)".padded(7) + String(format: "%7.2f  ", row.seconds) + row.world)
        states += row.states
        transitions += row.transitions
        seconds += row.seconds
        if isCutOff { print("too large to be explored to its end") }
        if let finding { print(finding) }
        isSilent = isSilent && finding == nil && !isCutOff
        // A line is there when its world is done, also when nobody has a terminal.
        fflush(nil)
    }
}
