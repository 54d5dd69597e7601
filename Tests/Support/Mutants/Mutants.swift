import Foundation
import TertibCore
import TertibTesting

/// Plants one bug after the other into the product's code and shows that the verification finds each of them, and
/// nothing where there is none.
///
/// Arguments: `--seed N` draws other schedules, `--schedules N` limits those that may be needed for a bug, `--check N` is
/// how many are gone through without one, `--trace` prints the shrunk timelines; `--explore` goes through the small
/// worlds to their end instead, with `--long` through the larger ones besides, with `--world WORDS` only through those
/// with these words in their name. Exit status 1 when a bug survives or something is found without one.
@main
struct Mutants {
    static func main() async throws {
        guard let options = Options(CommandLine.arguments.dropFirst()), PlantedBug.arePossible else {
            print("error: this is not what `make mutants` builds and runs")
            print(
                "usage: Mutants [--seed N] [--schedules N] [--check N] [--trace] [--explore [--long] [--world WORDS]]")
            exit(2)
        }
        let isGood = options.explores ? try Expedition(options).explore() : try await check(options)
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
            let relays = bug.isRelays ? try RelayHunt().first() : nil
            if let relays { tell(bug, relays, options) }
            if bug.isRelays, relays == nil { print("\(bug)".padded(31) + "survives in every world of relays") }
            var prey = bug.needsRuntime ? nil : try ExplorerHunt(options).first(of: options.schedules)
            if prey == nil { prey = try await SimulationHunt(options).first(of: options.schedules) }
            guard let prey else {
                print("\(bug)".padded(31) + "survives")
                continue
            }
            if !bug.isRelays || relays != nil { caught += 1 }
            tell(bug, prey, options)
        }
        print("\n\(caught) of \(PlantedBug.allCases.count) caught")
        return caught == PlantedBug.allCases.count
    }

    private static func tell(_ bug: PlantedBug, _ prey: Prey, _ options: Options) {
        print(
            "\(bug)".padded(31) + prey.engine.rawValue.padded(11) + prey.oracle.padded(34)
                + "\(prey.schedules)".padded(11) + "\(prey.steps)".padded(7) + prey.place)
        if options.showsTraces { print(prey.timeline) }
    }
}

/// What the command line says.
struct Options {
    var seed: UInt64 = 1
    var schedules = 1000
    var checks = 10_000
    var showsTraces = false
    var explores = false
    var isLong = false
    var world: String?

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
            case "--long": isLong = true
            case "--world":
                guard let words = rest.popFirst() else { return nil }
                world = words
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
