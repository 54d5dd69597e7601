import Foundation
import TertibCore
import TertibTesting

/// Plants one bug after the other into the product's code and shows that the verification finds each of them, and
/// nothing where there is none.
///
/// Arguments: see ``Options``. Exit status 1 when a bug survives or something is found without one.
@main
struct Mutants {
    static func main() async throws {
        guard let options = Options(CommandLine.arguments.dropFirst()), PlantedBug.arePossible else {
            print("error: this is not what `make mutants` builds and runs")
            print(Options.usage)
            exit(2)
        }
        let isGood =
            if options.explores {
                try Expedition(options).explore()
            } else if options.sets > 1 {
                try await SeedSets(options).run()
            } else {
                try await check(options)
            }
        exit(isGood ? 0 : 1)
    }

    private static func check(_ options: Options) async throws -> Bool {
        guard try await isSilentWithoutBug(options) else { return false }
        return try await hunt(options)
    }

    private static func isSilentWithoutBug(_ options: Options) async throws -> Bool {
        PlantedBug.plant(nil)
        let explorer = try ExplorerHunt()
        let clock = ContinuousClock()
        let start = clock.now
        let prey = try explorer.first(of: options.checks, seed: options.seed)
        if let prey {
            print("without a bug, schedule \(prey.schedules), \(prey.oracle):\n\(prey.timeline)")
            return false
        }
        guard explorer.missedBranches.isEmpty || options.checks < 10_000 else {
            print("rarely met by \(options.checks) schedules of the explorer: \(explorer.missedBranches)")
            return false
        }
        let rate = Double(options.checks) / ((clock.now - start) / .seconds(1))
        print(
            "Without a bug: \(options.checks) schedules of the explorer in \(SmallWorld.shapes.count) worlds, "
                + "\(explorer.steps) steps: nothing found; \(Int(rate)) schedules a second, on one thread.")
        fflush(nil)
        return try await SimulationHunt().isSilent(for: options.checks / 50, seed: options.seed)
    }

    /// Hunts every bug, and prints the table.
    private static func hunt(_ options: Options) async throws -> Bool {
        print(
            "\nbug".padded(32) + "engine".padded(11) + "caught by".padded(34) + "schedules".padded(11)
                + "steps".padded(7)
                + "where")
        var caught = 0
        for bug in options.bugs {
            PlantedBug.plant(bug)
            defer { PlantedBug.plant(nil) }
            let relays = bug.isRelays ? try RelayHunt().first() : nil
            if let relays { tell(bug, relays, options) }
            if bug.isRelays, relays == nil { print("\(bug)".padded(31) + "survives in every world of relays") }
            var prey = bug.needsRuntime ? nil : try ExplorerHunt().first(of: options.schedules, seed: options.seed)
            if prey == nil { prey = try await SimulationHunt().first(of: options.schedules, seed: options.seed) }
            // What the worlds of relays have to find, the simulator need not: it only shows how soon it does.
            if bug.isRelays ? relays != nil : prey != nil { caught += 1 }
            if let prey { tell(bug, prey, options) }
            if prey == nil { print("\(bug)".padded(31) + "survives \(options.schedules) schedules") }
            fflush(nil)
        }
        print("\n\(caught) of \(options.bugs.count) caught")
        return caught == options.bugs.count
    }

    private static func tell(_ bug: PlantedBug, _ prey: Prey, _ options: Options) {
        print(
            "\(bug)".padded(31) + prey.engine.rawValue.padded(11) + prey.oracle.padded(34)
                + "\(prey.schedules)".padded(11) + "\(prey.steps)".padded(7) + prey.place)
        if options.showsTraces { print(prey.timeline) }
    }
}

extension String {
    func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - count))
    }
}
