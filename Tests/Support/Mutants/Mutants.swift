import Foundation
import TertibCore
import TertibTesting

/// Plants one bug after the other into the product's code and shows that the verification finds each of them, and
/// nothing where there is none.
///
/// Arguments: `--seed N` draws other schedules, `--schedules N` limits those that may be needed for a bug, `--check N` is
/// how many are gone through without one, `--trace` prints the shrunk timelines; `--explore` goes through the small
/// worlds to their end instead. Exit status 1 when a bug survives or something is found without one.
@main
struct Mutants {
    static func main() async throws {
        guard let options = Options(CommandLine.arguments.dropFirst()), PlantedBug.arePossible else {
            print("error: this is not what `make mutants` builds and runs")
            print("usage: Mutants [--seed N] [--schedules N] [--check N] [--trace] [--explore]")
            exit(2)
        }
        let isGood = options.explores ? try explore() : try await check(options)
        exit(isGood ? 0 : 1)
    }

    private static func check(_ options: Options) async throws -> Bool {
        guard try await isSilentWithoutBug(options) else { return false }
        return try await hunt(options)
    }

    private static func isSilentWithoutBug(_ options: Options) async throws -> Bool {
        PlantedBug.plant(nil)
        let explorer = try ExplorerHunt(options)
        let prey = try explorer.first(of: options.checks)
        if let prey {
            print("without a bug, schedule \(prey.schedules), \(prey.oracle):\n\(prey.timeline)")
            return false
        }
        guard explorer.missedBranches.isEmpty || options.checks < 10_000 else {
            print("rarely met by \(options.checks) schedules of the explorer: \(explorer.missedBranches)")
            return false
        }
        print(
            "Without a bug: \(options.checks) schedules of the explorer in \(SmallWorld.shapes.count) worlds, "
                + "\(explorer.steps) steps: nothing found.")
        return try await SimulationHunt(options).isSilent(for: options.checks / 50)
    }

    /// Hunts every bug, and prints the table.
    private static func hunt(_ options: Options) async throws -> Bool {
        print(
            "\nbug".padded(32) + "engine".padded(11) + "caught by".padded(34) + "schedules".padded(11)
                + "steps".padded(7)
                + "where")
        var caught = 0
        for bug in PlantedBug.allCases {
            PlantedBug.plant(bug)
            defer { PlantedBug.plant(nil) }
            var prey = bug.needsRuntime ? nil : try ExplorerHunt(options).first(of: options.schedules)
            if prey == nil { prey = try await SimulationHunt(options).first(of: options.schedules) }
            guard let prey else {
                print("\(bug)".padded(31) + "survives")
                continue
            }
            caught += 1
            print(
                "\(bug)".padded(31) + prey.engine.rawValue.padded(11) + prey.oracle.padded(34)
                    + "\(prey.schedules)".padded(11) + "\(prey.steps)".padded(7) + prey.place)
            if options.showsTraces { print(prey.timeline) }
        }
        print("\n\(caught) of \(PlantedBug.allCases.count) caught")
        return caught == PlantedBug.allCases.count
    }

    /// Explores the small worlds, and prints what there was to see.
    private static func explore() throws -> Bool {
        print(
            "states".padded(12) + "transitions".padded(13) + "at rest".padded(9) + "depth".padded(7) + "seconds  world")
        var (states, transitions, seconds) = (0, 0, 0.0)
        for world in SmallWorld.explored {
            var search = try ExhaustiveSearch(world)
            let outcome = search.run()
            print(
                "\(outcome.states)".padded(12) + "\(outcome.transitions)".padded(13)
                    + "\(outcome.statesAtRest)".padded(9) + "\(outcome.depth)".padded(7)
                    + String(format: "%7.2f  ", outcome.seconds) + world.name)
            if let finding = outcome.finding {
                print(finding)
                return false
            }
            states += outcome.states
            transitions += outcome.transitions
            seconds += outcome.seconds
        }
        for world in RelayWorld.explored {
            var search = try RelaySearch(world)
            let outcome = search.run()
            print(
                "\(outcome.states)".padded(12) + "\(outcome.transitions)".padded(13)
                    + "\(outcome.statesAtRest)".padded(9) + "\(outcome.depth)".padded(7)
                    + String(format: "%7.2f  ", outcome.seconds) + world.name)
            if let violation = outcome.violation {
                print("\(violation)\n" + outcome.timeline.joined(separator: "\n"))
                return false
            }
            states += outcome.states
            transitions += outcome.transitions
            seconds += outcome.seconds
        }
        print("\(states)".padded(12) + "\(transitions)".padded(29) + String(format: "%7.2f  together", seconds))
        return true
    }
}

/// What the command line says.
struct Options {
    var seed: UInt64 = 1
    var schedules = 1000
    var checks = 10_000
    var showsTraces = false
    var explores = false

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
            case "--check":
                guard let value = rest.popFirst().flatMap({ Int($0) }), value >= 50 else { return nil }
                checks = value
            case "--trace": showsTraces = true
            case "--explore": explores = true
            default: return nil
            }
        }
    }
}

extension String {
    func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - count))
    }
}
