import Foundation
import ModelChecker
import TertibTesting

/// Searches for a violation with the model checker and the simulator. `planted-bugs` builds it together with the planted
/// bugs and runs it once for each of them, and once without any.
///
/// It prints a ``Detection`` as a line of JSON. Exit status 1 when `find` finds nothing, or `clean` something.
@main
struct MutantSearch {
    static let usage = """
        usage: MutantSearch find consumers|relays|simulator [--seed N] [--schedules N] [--bare]
               MutantSearch clean [--seed N] [--schedules N]
               MutantSearch explore WORDS [--long]
        """

    static func main() async throws {
        var arguments = CommandLine.arguments.dropFirst()
        let command = arguments.popFirst()
        if command == "explore" { exit(try explore(Array(arguments)) ? 0 : 1) }
        let engine = command == "find" ? arguments.popFirst().flatMap(Detection.Engine.init) : nil
        guard let options = Options(arguments), engine != nil || command == "clean" else {
            print(usage)
            exit(2)
        }
        guard let engine else { exit(try await CleanRun(options).succeeds() ? 0 : 1) }
        let detection =
            switch engine {
            case .consumers: try ConsumerSearch(options).run()
            case .relays: try relays()
            case .simulator: try await SimulationSearch(options).run()
            }
        guard let detection else { exit(1) }
        print(String(decoding: try JSONEncoder().encode(detection), as: UTF8.self))
    }

    /// Goes through the small worlds to their end, and prints a table.
    /// - Returns: whether no oracle objected.
    private static func explore(_ arguments: [String]) throws -> Bool {
        let words = arguments.first ?? ""
        let worlds = SmallWorld.explored(long: arguments.contains("--long")).filter {
            words.isEmpty || $0.name.contains(words)
        }
        print("| world | states | transitions | at rest | depth | seconds |\n|---|---:|---:|---:|---:|---:|")
        var results: [SearchResult] = []
        for world in worlds where results.last?.isRight ?? true {
            let result = try world.explore()
            results.append(result)
            let seconds = String(format: "%.2f", result.seconds)
            print(
                "| \(world.name) | \(result.states) | \(result.transitions) | \(result.statesAtRest) | \(result.depth) "
                    + "| \(seconds) |")
            if result.isCutOff { print("too large to be explored to its end") }
            if let finding = result.finding { print(finding) }
            fflush(nil)
        }
        let states = results.reduce(0) { $0 + $1.states }
        print("| together | \(states) | \(results.reduce(0) { $0 + $1.transitions }) | | | |")
        return !results.isEmpty && results.allSatisfy(\.isRight)
    }

    /// The first violation in worlds of relays, the small ones first: breadth first, so that there is no shorter schedule
    /// to one in that world.
    private static func relays() throws -> Detection? {
        var states = 0
        for scenario in RelayScenario.explored {
            let result = try SmallWorld.relays(scenario).explore()
            states += result.states
            if let finding = result.finding { return Detection(.relays, finding, after: states) }
        }
        return nil
    }
}

/// What was detected, and how.
struct Detection: Codable {
    enum Engine: String, Codable {
        /// The model checker, by random schedules of consumers.
        case consumers
        /// The model checker, by worlds of relays explored to their end.
        case relays
        case simulator
    }

    let engine: Engine
    let oracle: String
    /// How many schedules it took; in worlds of relays, how many states.
    let schedules: Int
    /// Length of the shrunk timeline.
    let steps: Int
    /// In which world, or with which seed.
    let place: String
    let timeline: [String]

    init(_ engine: Engine, oracle: String, schedules: Int, place: String, timeline: [String]) {
        (self.engine, self.oracle, self.schedules) = (engine, oracle, schedules)
        (self.place, self.timeline) = (place, timeline)
        steps = timeline.count
    }

    init(_ engine: Engine, _ finding: Finding, after schedules: Int) {
        self.init(
            engine, oracle: finding.violation.oracle, schedules: schedules, place: finding.recording.world.name,
            timeline: finding.timeline)
    }
}

struct Options {
    /// Draws other schedules.
    var seed: UInt64 = 1
    /// Maximum number of schedules.
    var schedules = 1000
    /// Whether the first violation will do: then its schedule is not made smaller.
    var isBare = false

    init?(_ arguments: ArraySlice<String>) {
        var rest = arguments
        while let argument = rest.popFirst() {
            switch argument {
            case "--seed":
                guard let value = rest.popFirst().flatMap(UInt64.init) else { return nil }
                seed = value
            case "--schedules":
                guard let value = rest.popFirst().flatMap({ Int($0) }), value > 0 else { return nil }
                schedules = value
            case "--bare": isBare = true
            default: return nil
            }
        }
    }
}
