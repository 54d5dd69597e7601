/// What a person has to read of a run to see how it came to the first objection of an oracle: the decisions and effects
/// that concern the aggregate that is judged, without what the runtime logged meanwhile and without repetitions.
struct SimulationStory {
    private let judged: String?
    /// The messages of the judged aggregate.
    private var messages: Set<String> = []
    /// How often each line was to be told, and which one was the last that was.
    private var told: [String: (times: Int, last: Int)] = [:]
    /// What is told so far.
    private var entries: [SimulationTrace.Entry] = []
    /// The story, a line each.
    private(set) var lines: [String] = []

    /// At most so often a line is told that differs in its time alone.
    private static let repetitions = 2
    /// What only says that time passes, or repeats what another line says.
    private static let asides = [
        "logs: ", "is still at ", "waits for a row ", "has stopped in order", "every fault has ended", "would wait in",
    ]
    /// All that is told of a replica which does nothing.
    private static let start = "starts"
    /// What is followed by the numbers of messages.
    private static let answers = ["receives", "acknowledges", "gives"]

    /// Tells a run up to the first objection; without one everything.
    init(_ entries: [SimulationTrace.Entry]) {
        guard let objection = entries.last, objection.who == SimulationTrace.oracle else {
            judged = nil
            lines = entries.map(\.line)
            return
        }
        judged = objection.what.split(separator: " ").lazy.compactMap { Self.aggregate(String($0)) }.first
        for entry in entries.dropLast() { tell(entry) }
        for (times, last) in told.values where times > Self.repetitions {
            self.entries[last].what += " (and \(times - Self.repetitions) times more)"
        }
        let active = Set(self.entries.lazy.filter { $0.what != Self.start }.map(\.who))
        lines = self.entries.filter { active.contains($0.who) }.map(\.line) + [objection.line]
    }

    private mutating func tell(_ entry: SimulationTrace.Entry) {
        guard !Self.asides.contains(where: { entry.what.hasPrefix($0) }), !isStored(entry) else { return }
        var entry = entry
        if let judged {
            guard concerns(judged, &entry) else { return }
        }
        let key = entry.who + entry.what
        var (times, last) = told[key] ?? (0, 0)
        times += 1
        if times <= Self.repetitions {
            last = entries.count
            entries.append(entry)
        }
        told[key] = (times, last)
    }

    /// Whether it says only that a publish was answered, which the line before has told: the stream has stored the message.
    private func isStored(_ entry: SimulationTrace.Entry) -> Bool {
        guard entry.what.hasPrefix("publishes to "), let last = entries.last, last.who == entry.who else {
            return false
        }
        guard let range = entry.what.firstRange(of: ": message "), last.what.contains("stores ") else { return false }
        return last.what.hasSuffix(" as message " + entry.what[range.upperBound...])
    }

    private mutating func concerns(_ judged: String, _ entry: inout SimulationTrace.Entry) -> Bool {
        let words = entry.what.split(separator: " ").map(String.init)
        if let first = words.first, Self.answers.contains(first) {
            let numbers = words.filter { UInt64($0) != nil }
            let own = numbers.filter { messages.contains($0) }
            guard !own.isEmpty else { return false }
            entry.what = words.filter { UInt64($0) == nil || messages.contains($0) }.joined(separator: " ")
            return true
        }
        let aggregates = words.compactMap(Self.aggregate)
        guard !aggregates.isEmpty else { return true }
        guard aggregates.contains(judged) else { return false }
        if words.contains("stores"), let number = words.last { messages.insert(number) }
        if words.first == "commits" { entry.what = Self.part(of: entry.what, about: judged) }
        return true
    }

    /// What a commit has done to one aggregate.
    private static func part(of commit: String, about judged: String) -> String {
        let changes = commit.split(separator: "  ").map(String.init).dropFirst()
        let own = changes.filter { change in
            change.split(separator: " ").contains { aggregate(String($0)) == judged }
        }
        return "commits  " + own.joined(separator: "  ")
    }

    /// The aggregate that a word names: `product/1`, `product/1@2` or `simulation.product.1`.
    private static func aggregate(_ word: String) -> String? {
        var name = word.prefix { $0 != "@" && $0 != ":" && $0 != "," }[...]
        let subject = SimulatedWorld.namespace + "."
        if name.hasPrefix(subject) {
            let parts = name.dropFirst(subject.count).split(separator: ".", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            return "\(parts[0])/\(parts[1])"
        }
        name = name.drop { !$0.isLetter }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        return String(name)
    }
}
