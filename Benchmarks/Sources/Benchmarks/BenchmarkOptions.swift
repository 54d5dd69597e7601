/// What is measured, and on which servers: both have been started for it, and hold nothing else.
struct BenchmarkOptions: Sendable {
    static let usage = """
        Benchmarks --nats URL --postgres URL --folder DIR [--rows N] [--events N] [--aggregates N] [--json]
        """
    /// A nats-server with JetStream.
    private(set) var nats = ""
    /// A database whose role may make schemas; its URL has settings already.
    private(set) var postgres = ""
    /// Where the SQLite files are made.
    private(set) var folder = ""
    /// How many staged rows are drained.
    private(set) var rows = 100_000
    /// How many events are applied.
    private(set) var events = 50_000
    /// Of how many aggregates.
    private(set) var aggregates = 1000
    private(set) var isJSON = false

    init(_ arguments: [String]) throws(UnusableArguments) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--json" {
                isJSON = true
                continue
            }
            guard let value = rest.popFirst() else { throw UnusableArguments("\(name) needs a value") }
            switch name {
            case "--nats": nats = value
            case "--postgres": postgres = value
            case "--folder": folder = value
            case "--rows": rows = try Self.count(value, of: name)
            case "--events": events = try Self.count(value, of: name)
            case "--aggregates": aggregates = try Self.count(value, of: name)
            default: throw UnusableArguments("\(name) is unknown")
            }
        }
        guard !nats.isEmpty, !postgres.isEmpty, !folder.isEmpty else {
            throw UnusableArguments("the servers and the folder have to be named")
        }
    }

    private static func count(_ text: String, of name: String) throws(UnusableArguments) -> Int {
        guard let count = Int(text), count > 0 else { throw UnusableArguments("\(name) is a number from 1") }
        return count
    }
}

/// Arguments that nothing can be made of.
struct UnusableArguments: Error, CustomStringConvertible {
    let problem: String

    init(_ problem: String) {
        self.problem = problem
    }

    var description: String { "\(problem)\n\(BenchmarkOptions.usage)" }
}
