/// A violation in a world of relays, with the steps that lead to it, told so that a person can follow them.
package struct RelayFinding: Sendable, CustomStringConvertible {
    package let violation: ExplorerViolation
    /// The steps, in words.
    package let timeline: [String]
    /// What `--replay` takes.
    package let recording: RelayRecording

    init(_ violation: ExplorerViolation, _ steps: [RelayStep], in model: RelayModel) {
        self.violation = violation
        timeline = model.timeline(of: steps)
        recording = RelayRecording(world: model.world, steps: steps)
    }

    package var description: String {
        var lines = ["\(violation.oracle): \(violation.finding)", "  world: \(recording.world.name)"]
        let width = String(timeline.count).count
        for (index, line) in timeline.enumerated() {
            let number = String(index + 1)
            lines.append("  " + String(repeating: " ", count: width - number.count) + "\(number)  \(line)")
        }
        return lines.joined(separator: "\n")
    }
}
