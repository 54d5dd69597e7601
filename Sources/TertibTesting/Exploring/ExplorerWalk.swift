/// One schedule of the explorer: a world, and the steps that were taken in it.
package struct ExplorerWalk: Sendable {
    package let world: SmallWorld
    let steps: [ExplorerStep]
    /// What an oracle has found, at the last step or at rest.
    package let violation: ExplorerViolation?

    /// How many steps there are.
    package var count: Int { steps.count }

    /// A hash over all steps: two equal schedules have the same.
    package var traceHash: UInt64 {
        steps.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1.packed)) &* 0x100_0000_01B3 }
    }
}

/// Takes the steps of a schedule once more, as far as they are possible.
struct ExplorerReplay {
    let model: ExplorerModel

    /// At most so many steps a schedule; one that is not at rest by then never comes to rest.
    static let limit = 5000

    /// Takes those of the steps that are possible, up to the first violation.
    func walk(_ steps: [ExplorerStep]) -> ExplorerWalk {
        var state = model.initialState
        var way: [ExplorerStep] = []
        var possible: [ExplorerStep] = []
        for step in steps {
            possible.removeAll(keepingCapacity: true)
            model.appendSteps(of: state, to: &possible)
            guard possible.contains(step) else { continue }
            way.append(step)
            if let violation = model.take(step, in: &state) { return walk(way, violation) }
        }
        if model.isAtRest(state) { return walk(way, model.checkRest(state)) }
        return walk(way, halt(state, after: way.count))
    }

    /// What there is to say about a state that nothing leads out of, or that is no rest after all steps.
    func halt(_ state: ExplorerState, after count: Int) -> ExplorerViolation? {
        var possible: [ExplorerStep] = []
        model.appendSteps(of: state, to: &possible)
        if possible.isEmpty { return model.jury.judge(.halted("everybody waits for somebody else")) }
        guard count >= Self.limit else { return nil }
        return model.jury.judge(.halted("there is no rest after \(Self.limit) steps"))
    }

    func walk(_ way: [ExplorerStep], _ violation: ExplorerViolation?) -> ExplorerWalk {
        ExplorerWalk(world: model.world, steps: way, violation: violation)
    }

    /// The same violation by fewer steps: what can be left out is left out, first large parts, then single steps.
    func shrunk(_ steps: [ExplorerStep], oracle: String) -> [ExplorerStep] {
        var way = steps
        var size = max(1, way.count / 2)
        while true {
            var isShorter = false
            var start = 0
            while start < way.count {
                let without = Array(way[..<start] + way[min(way.count, start + size)...])
                let walk = walk(without)
                if walk.violation?.oracle == oracle, walk.count < way.count {
                    way = walk.steps
                    isShorter = true
                } else {
                    start += size
                }
            }
            if !isShorter, size == 1 { return way }
            size = max(1, size / 2)
        }
    }

    func finding(_ walk: ExplorerWalk, origin: String = "") -> ExplorerFinding? {
        guard let violation = walk.violation else { return nil }
        var finding = ExplorerFinding(model.world, violation, walk.steps, in: model)
        finding.origin = origin
        return finding
    }
}
