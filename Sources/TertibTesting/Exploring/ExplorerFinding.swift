/// A violation with the steps that lead to it, told so that a person can follow them.
package struct ExplorerFinding: Sendable, CustomStringConvertible {
    package let world: SmallWorld
    package let violation: ExplorerViolation
    /// The steps, in words.
    package let timeline: [String]
    let steps: [ExplorerStep]
    /// Where it comes from, to find it again.
    package internal(set) var origin = ""

    init(_ world: SmallWorld, _ violation: ExplorerViolation, _ steps: [ExplorerStep], in model: ExplorerModel) {
        self.world = world
        self.violation = violation
        self.steps = steps
        timeline = model.timeline(of: steps)
    }

    /// The schedule that it is.
    package var walk: ExplorerWalk { ExplorerWalk(world: world, steps: steps, violation: violation) }

    /// What `--replay` takes.
    package var recording: ExplorerRecording { ExplorerRecording(world: world, steps: steps) }

    package var description: String {
        var lines = ["\(violation.oracle): \(violation.finding)", "  world: \(world.name)"]
        if !origin.isEmpty { lines.append("  found by: \(origin)") }
        let width = String(timeline.count).count
        for (index, line) in timeline.enumerated() {
            let number = String(index + 1)
            lines.append("  " + String(repeating: " ", count: width - number.count) + "\(number)  \(line)")
        }
        return lines.joined(separator: "\n")
    }
}
