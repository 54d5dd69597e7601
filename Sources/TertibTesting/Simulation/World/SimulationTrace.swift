/// What has happened in a run, a line each, as a person reads it.
///
/// `@unchecked Sendable`: the scheduler's threads touch it one at a time.
final class SimulationTrace: @unchecked Sendable {
    /// Whether lines are kept; a run that is only judged does without.
    let isKept: Bool
    private(set) var lines: [String] = []
    /// Those of the lines that tell what happened, without the single steps of transactions, up to the first objection
    /// of an oracle.
    private(set) var story: [String] = []
    private var isStoryOver = false

    init(isKept: Bool) {
        self.isKept = isKept
    }

    func add(_ now: Duration, _ who: String, _ what: @autoclosure () -> String, isStep: Bool = false) {
        guard isKept else { return }
        let time = String(Int(now / .milliseconds(1)))
        let padding = String(repeating: " ", count: max(0, 7 - time.count))
        let name = who + String(repeating: " ", count: max(0, 9 - who.count))
        let line = "\(padding)\(time) ms  \(name) \(what())"
        lines.append(line)
        guard !isStep, !isStoryOver else { return }
        story.append(line)
        isStoryOver = who == Self.oracle
    }

    static let oracle = "ORACLE"
}
