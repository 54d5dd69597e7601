import TertibCore

/// What the command line says.
struct Options {
    /// Draws other schedules.
    var seed: UInt64 = 1
    /// Limits the schedules that may be needed for a bug.
    var schedules = 1000
    /// How many schedules are gone through without a bug.
    var checks = 10_000
    /// Hunts each bug with so many seeds, from the given one on, and prints the worst and the mean instead.
    var sets = 1
    /// With several seeds: catches each bug, and does not make its way shorter.
    var isBare = false
    /// Hunts only the bugs with one of these words in their name.
    var words: [String] = []
    /// Prints the shrunk timelines.
    var showsTraces = false
    /// Goes through the small worlds to their end instead, with `isLong` through the larger ones besides, with `world`
    /// only through those with these words in their name.
    var explores = false
    var isLong = false
    var world: String?

    static let usage = """
        usage: Mutants [--seed N] [--schedules N] [--check N] [--bug WORD[,WORD...]] [--sets N [--bare]] [--trace]
               Mutants --explore [--long] [--world WORDS]
        """

    /// The bugs that are hunted.
    var bugs: [PlantedBug] {
        PlantedBug.allCases.filter { bug in words.isEmpty || words.contains { "\(bug)".contains($0) } }
    }

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
            case "--sets":
                guard let value = rest.popFirst().flatMap({ Int($0) }), value > 0 else { return nil }
                sets = value
            case "--bug":
                guard let value = rest.popFirst() else { return nil }
                words = value.split(separator: ",").map(String.init)
            case "--world":
                guard let words = rest.popFirst() else { return nil }
                world = words
            case "--bare": isBare = true
            case "--trace": showsTraces = true
            case "--explore": explores = true
            case "--long": isLong = true
            default: return nil
            }
        }
        guard !bugs.isEmpty else { return nil }
    }
}
