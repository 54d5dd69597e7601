import Foundation
import TertibCore

/// Hunts each bug with the schedules of several seeds, for one seed may be lucky.
struct SeedSets {
    private let options: Options

    init(_ options: Options) {
        self.options = options
    }

    /// Hunts every bug with every seed, and prints how many schedules that took.
    /// - Returns: whether every bug was caught with every seed.
    func run() async throws -> Bool {
        var header = "bug".padded(31) + "engine".padded(11) + "caught".padded(10)
        header += "mean".padded(7) + "worst".padded(7)
        if !options.isBare { header += "longest".padded(9) }
        print(header + "caught by")
        var caught = 0
        for bug in options.bugs {
            PlantedBug.plant(bug)
            defer { PlantedBug.plant(nil) }
            if bug.isRelays {
                // Explored to the end, which no seed changes.
                let prey = try RelayHunt().first()
                if let prey {
                    tell(bug, [prey], of: 1)
                } else {
                    print("\(bug)".padded(31) + "survives in every world of relays")
                }
                if prey != nil { caught += 1 }
            }
            let catches = try await catches(of: bug)
            tell(bug, catches, of: options.sets)
            if !bug.isRelays, catches.count == options.sets { caught += 1 }
        }
        print("\n\(caught) of \(options.bugs.count) caught, with each of \(options.sets) seeds")
        return caught == options.bugs.count
    }

    private func catches(of bug: PlantedBug) async throws -> [Prey] {
        let explorer = bug.needsRuntime ? nil : try ExplorerHunt()
        var catches: [Prey] = []
        for seed in options.seed..<options.seed + UInt64(options.sets) {
            var prey = try explorer?.first(of: options.schedules, seed: seed, shrinks: !options.isBare)
            if prey == nil {
                prey = try await SimulationHunt().first(of: options.schedules, seed: seed, shrinks: !options.isBare)
            }
            if let prey {
                catches.append(prey)
            } else {
                print("\(bug)".padded(31) + "survives \(options.schedules) schedules of seed \(seed)")
            }
        }
        return catches
    }

    private func tell(_ bug: PlantedBug, _ catches: [Prey], of sets: Int) {
        let schedules = catches.map(\.schedules)
        let mean = schedules.isEmpty ? 0 : schedules.reduce(0, +) / schedules.count
        let engines = Set(catches.map(\.engine.rawValue)).sorted().joined(separator: "+")
        var row = "\(bug)".padded(31) + engines.padded(11) + "\(catches.count)/\(sets)".padded(10)
        row += "\(mean)".padded(7) + "\(schedules.max() ?? 0)".padded(7)
        if !options.isBare { row += "\(catches.map(\.steps).max() ?? 0)".padded(9) }
        print(row + Set(catches.map(\.oracle)).sorted().joined(separator: ", "))
        if options.showsTraces, let prey = catches.max(by: { $0.steps < $1.steps }) { print(prey.timeline) }
        fflush(nil)
    }
}
