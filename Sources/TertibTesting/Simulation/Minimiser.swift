import Tertib

/// Makes a run that fails smaller, as long as the same oracle objects: fewer faults, events and replicas, plainer
/// choices. Bounded by real time.
struct Minimiser {
    private let subject: SimulationSubject
    private let oracle: String
    private let deadline: ContinuousClock.Instant
    private var best: SimulationPlan
    /// How many runs it took.
    private(set) var runs = 0

    /// Makes `plan` smaller, of which `oracle` was the first to object.
    static func minimise(
        _ plan: SimulationPlan, oracle: String, subject: SimulationSubject, within limit: Duration
    ) -> SimulationPlan {
        var minimiser = Minimiser(
            subject: subject, oracle: oracle, deadline: .now + limit, best: plan)
        minimiser.run()
        return minimiser.best
    }

    private init(subject: SimulationSubject, oracle: String, deadline: ContinuousClock.Instant, best: SimulationPlan) {
        self.subject = subject
        self.oracle = oracle
        self.deadline = deadline
        self.best = best
    }

    private var isOver: Bool { ContinuousClock.now >= deadline }

    private mutating func run() {
        var before = -1
        while before != size(best), !isOver {
            before = size(best)
            dropFaults()
            reduce(\.disturbances)
            reduce(\.events)
            reduce(\.staged)
            reduce(\.failing)
            dropReplicas()
            plainChoices()
        }
    }

    private func size(_ plan: SimulationPlan) -> Int {
        plan.events.count + plan.staged.count + plan.disturbances.count + plan.failing.count + plan.options.replicas
            + (plan.schedule?.positions.count ?? 0) + (plan.broker?.positions.count ?? 0)
    }

    /// Keeps the candidate if the oracle still objects: under the choices as recorded, or drawn anew from the seed.
    private mutating func keep(_ candidate: SimulationPlan) -> Bool {
        if attempt(candidate) { return true }
        guard candidate.schedule != nil else { return false }
        var drawn = candidate
        drawn.schedule = nil
        drawn.broker = nil
        return attempt(drawn)
    }

    private mutating func attempt(_ candidate: SimulationPlan) -> Bool {
        guard !isOver else { return false }
        runs += 1
        // A plan that cannot even be set up does not fail in the same way.
        guard let outcome = try? SimulationRun.run(candidate, subject: subject),
            outcome.violations.first?.oracle == oracle
        else { return false }
        best = outcome.plan
        return true
    }

    // MARK: - What can be left out

    private mutating func dropFaults() {
        let changes: [(inout SimulationOptions) -> Void] = [
            { $0.doubleDeliveries = 0 }, { $0.lostAnswers = 0 }, { $0.deliveryWindow = 1 }, { $0.hasSkew = false },
            { $0.haste = 0 }, { $0.slowness = 0 }, { $0.stickiness = 1 },
        ]
        for change in changes {
            var candidate = best
            change(&candidate.options)
            if candidate.options != best.options { _ = keep(candidate) }
        }
    }

    private mutating func dropReplicas() {
        for count in 1..<max(2, best.options.replicas) {
            var candidate = best
            candidate.options.replicas = count
            if keep(candidate) { return }
        }
    }

    /// All choices plain, then as many as possible.
    private mutating func plainChoices() {
        for path in [\SimulationPlan.schedule, \SimulationPlan.broker] {
            var candidate = best
            candidate[keyPath: path] = SimulationPlan.Choices([:])
            if attempt(candidate) { continue }
            let taken = best[keyPath: path]?.script ?? [:]
            let positions = taken.keys.sorted()
            reduce(positions) { plan, kept in
                plan[keyPath: path] = SimulationPlan.Choices(
                    Dictionary(kept.map { ($0, taken[$0] ?? 0) }, uniquingKeysWith: { first, _ in first }))
            } try: {
                $0.attempt($1)
            }
        }
    }

    private mutating func reduce<Item>(_ path: WritableKeyPath<SimulationPlan, [Item]>) {
        reduce(best[keyPath: path]) {
            $0[keyPath: path] = $1
        } try: {
            $0.keep($1)
        }
    }

    /// Leaves out halves, quarters and so on of a list, down to single items (Zeller's ddmin, complements only).
    private mutating func reduce<Item>(
        _ items: [Item], apply: (inout SimulationPlan, [Item]) -> Void,
        try attempt: (inout Minimiser, SimulationPlan) -> Bool
    ) {
        var items = items
        var chunk = items.count
        while chunk > 0, !items.isEmpty, !isOver {
            var start = 0
            while start < items.count, !isOver {
                var fewer = items
                fewer.removeSubrange(start..<min(items.count, start + chunk))
                var candidate = best
                apply(&candidate, fewer)
                if attempt(&self, candidate) {
                    items = fewer
                } else {
                    start += chunk
                }
            }
            chunk /= 2
        }
    }
}
