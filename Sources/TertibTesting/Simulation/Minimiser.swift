import TertibRuntime

/// Makes a run that fails smaller, as long as the same oracle objects: fewer faults, events and replicas, plainer
/// choices. Bounded by real time.
struct Minimiser {
    private let subject: SimulationSubject
    private let oracle: String
    private let deadline: ContinuousClock.Instant
    /// What has to stay, because the invariant is about all of it: a user's histories.
    private let needed: Set<Need>
    private var best: SimulationPlan
    /// When the oracle objects, in milliseconds from the start.
    private var end: Int
    /// How many runs it took.
    private(set) var runs = 0

    /// Makes `plan` smaller, in which `violation` was the first one.
    static func minimise(
        _ plan: SimulationPlan, violation: Violation, subject: SimulationSubject, within limit: Duration
    ) -> SimulationPlan {
        var minimiser = Minimiser(subject, violation, deadline: .now + limit, best: plan)
        minimiser.run()
        return minimiser.best
    }

    /// The oracle that asks what a user says has to hold.
    static let invariant = "invariant"

    /// One event of a history, however often it is stored.
    private struct Need: Hashable {
        let aggregate: String
        let version: Int

        static func all(of plan: SimulationPlan) -> Set<Need> {
            Set(plan.events.filter { $0.kind == nil }.map { Need(aggregate: $0.aggregate, version: $0.version) })
        }
    }

    private init(
        _ subject: SimulationSubject, _ violation: Violation, deadline: ContinuousClock.Instant, best: SimulationPlan
    ) {
        self.subject = subject
        self.deadline = deadline
        self.best = best
        let isAboutAll = subject.message != nil && violation.oracle == Self.invariant
        needed = isAboutAll ? Need.all(of: best) : []
        oracle = violation.oracle
        end = violation.at
    }

    private var isOver: Bool { ContinuousClock.now >= deadline }

    private mutating func run() {
        var before = -1
        while before != size(best), !isOver {
            before = size(best)
            cutEnd()
            dropAggregates()
            dropFaults()
            reduce(\.disturbances)
            reduce(\.events)
            reduce(\.staged)
            reduce(\.appended)
            reduce(\.failing)
            lowerCounts()
            dropReplicas()
            plainChoices()
        }
    }

    private func size(_ plan: SimulationPlan) -> Int {
        plan.events.count + plan.staged.count + plan.appended.count + plan.disturbances.count + plan.failing.count
            + plan.options.replicas
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
        guard !isOver, needed.isEmpty || needed.isSubset(of: Need.all(of: candidate)) else { return false }
        runs += 1
        // A plan that cannot even be set up does not fail in the same way.
        guard let outcome = try? SimulationRun.run(candidate, subject: subject),
            outcome.violations.first?.oracle == oracle
        else { return false }
        best = outcome.plan
        end = outcome.violations.first?.at ?? end
        return true
    }

    // MARK: - What can be left out

    /// What would happen only after the oracle has objected.
    private mutating func cutEnd() {
        var candidate = best
        candidate.events.removeAll { $0.at > end }
        candidate.staged.removeAll { $0.at > end }
        candidate.appended.removeAll { $0.at > end }
        candidate.disturbances.removeAll { ($0.at ?? 0) > end }
        candidate.options.milliseconds = min(candidate.options.milliseconds, end)
        if size(candidate) < size(best) { _ = keep(candidate) }
    }

    /// Whole aggregates, with everything that concerns them.
    private mutating func dropAggregates() {
        let plan = best
        let names = Set(plan.events.map(\.aggregate) + plan.staged.map(\.aggregate) + plan.appended.map(\.aggregate))
        reduce(names.sorted()) { candidate, kept in
            candidate.events = plan.events.filter { kept.contains($0.aggregate) }
            candidate.staged = plan.staged.filter { kept.contains($0.aggregate) }
            candidate.appended = plan.appended.filter { kept.contains($0.aggregate) }
            candidate.failing = plan.failing.filter { kept.contains($0.aggregate) }
        } try: {
            $0.keep($1)
        }
    }

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

    /// Fewer replicas, which share what all of them did.
    private mutating func dropReplicas() {
        for count in 1..<max(2, best.options.replicas) {
            var candidate = best
            candidate.options.replicas = count
            for index in candidate.staged.indices { candidate.staged[index].replica %= count }
            for index in candidate.appended.indices { candidate.appended[index].replica %= count }
            if keep(candidate) { return }
        }
    }

    /// One event a transaction, and one a call.
    private mutating func lowerCounts() {
        for index in best.staged.indices where best.staged[index].count > 1 {
            var candidate = best
            candidate.staged[index].count = 1
            _ = keep(candidate)
        }
        for index in best.appended.indices where best.appended[index].count > 1 {
            var candidate = best
            candidate.appended[index].count = 1
            _ = keep(candidate)
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
