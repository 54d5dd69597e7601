/// What has happened in a run, a line each, as a person reads it.
///
/// `@unchecked Sendable`: the scheduler's threads touch it one at a time.
final class SimulationTrace: @unchecked Sendable {
    /// Whether lines are kept; a run that is only judged does without.
    let isKept: Bool
    private(set) var lines: [String] = []
    /// Those of the lines that tell what happened, without the single steps of transactions, up to the first objection
    /// of an oracle.
    private(set) var story: [Entry] = []
    private var isStoryOver = false

    /// What somebody has done at a moment.
    struct Entry {
        let milliseconds: Int
        let who: String
        var what: String

        /// As a person reads it.
        var line: String {
            let time = String(milliseconds)
            let padding = String(repeating: " ", count: max(0, 7 - time.count))
            let name = who + String(repeating: " ", count: max(0, 9 - who.count))
            return "\(padding)\(time) ms  \(name) \(what)"
        }
    }

    init(isKept: Bool) {
        self.isKept = isKept
    }

    func add(_ now: Duration, _ who: String, _ what: @autoclosure () -> String, isStep: Bool = false) {
        guard isKept else { return }
        let entry = Entry(milliseconds: Int(now / .milliseconds(1)), who: who, what: what())
        lines.append(entry.line)
        guard !isStep, !isStoryOver else { return }
        story.append(entry)
        isStoryOver = who == Self.oracle
    }

    static let oracle = "ORACLE"
}
