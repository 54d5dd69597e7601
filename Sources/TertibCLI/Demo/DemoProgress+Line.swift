import ShopDemo

extension DemoProgress {
    /// `12 s  load and faults  4,120 events  5,310 applied  212 stale  401 held  380 parked  12 repaired  5 kills`
    var line: String {
        let numbers = [
            (published, "events"), (outcomes.applied, "applied"), (outcomes.stale, "stale"), (outcomes.held, "held"),
            (outcomes.parked, "parked"), (outcomes.repaired, "repaired"), (faults.kills, "kills"),
        ]
        let words = numbers.map { "\(Words.count($0.0)) \($0.1)" }.joined(separator: "  ")
        return "\(elapsed.components.seconds) s  \(phase)  \(words)"
    }
}
