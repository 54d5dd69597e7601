/// What a service of the shop is started with.
public struct ServiceArguments: Hashable, Sendable {
    /// The service's JSON file.
    public var configuration: String
    /// The size of the workload to play, in events; `nil` to serve only.
    public var load: Int?
    /// The seed of the workload.
    public var seed: UInt64 = 1
    /// At most so many steps of the workload a second, in this replica.
    public var rate: Int = 100
    /// Whether to report on standard output, and to end with standard input.
    public var isSupervised = false
    /// Options of one service alone, by name.
    public var others: [String: String] = [:]

    /// Why arguments cannot be used.
    public struct Unusable: Error, Hashable, Sendable, CustomStringConvertible {
        /// What is wrong, in words.
        public let description: String

        /// Creates an error.
        public init(description: String) {
            self.description = description
        }
    }

    /// Reads the arguments after the program's name.
    /// - Parameter others: the names of further options that take a value, such as `--way`.
    /// - Returns: `nil` when help is asked for.
    public static func parse(_ words: [String], others: [String] = []) throws(Unusable) -> ServiceArguments? {
        if words.contains("--help") || words.contains("-h") { return nil }
        var arguments = ServiceArguments(configuration: "")
        var rest = words[...]
        while let option = rest.popFirst() {
            if option == "--supervised" {
                arguments.isSupervised = true
                continue
            }
            guard ["--config", "--load", "--seed", "--rate"].contains(option) || others.contains(option) else {
                throw Unusable(description: "\(option) is not an option of this service")
            }
            guard let value = rest.popFirst() else { throw Unusable(description: "\(option) needs a value") }
            switch option {
            case "--config": arguments.configuration = value
            case "--load": arguments.load = try number(value, of: option, in: 0...10_000_000)
            case "--rate": arguments.rate = try number(value, of: option, in: 1...1_000_000)
            case "--seed":
                guard let seed = UInt64(value) else { throw Unusable(description: "\(value) is not a seed") }
                arguments.seed = seed
            default: arguments.others[option] = value
            }
        }
        guard !arguments.configuration.isEmpty else { throw Unusable(description: "--config FILE is missing") }
        return arguments
    }

    private static func number(
        _ text: String, of option: String, in range: ClosedRange<Int>
    ) throws(Unusable) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw Unusable(
                description: "\(option) takes a number from \(range.lowerBound) to \(range.upperBound), not \(text)")
        }
        return number
    }
}
