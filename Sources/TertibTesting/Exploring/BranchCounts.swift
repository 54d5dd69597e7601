/// How often what happens rarely has happened: a run that never met it has proved little.
package struct BranchCounts: Hashable, Sendable {
    package internal(set) var lostClaims = 0
    package internal(set) var parks = 0
    package internal(set) var drains = 0
    package internal(set) var crashesInTransactions = 0
    package internal(set) var crashesBeforeAcknowledgement = 0
    package internal(set) var unknownCommits = 0
    package internal(set) var fallbacks = 0
    package internal(set) var conflicts = 0
    package internal(set) var repairs = 0
    package internal(set) var wakes = 0
    package internal(set) var redeliveries = 0

    package init() {}

    /// All of them, by name.
    package var all: [(name: String, count: Int)] {
        [
            ("lost claims", lostClaims), ("parks", parks), ("drains", drains),
            ("crashes in a transaction", crashesInTransactions),
            ("crashes before the acknowledgement", crashesBeforeAcknowledgement),
            ("unknown commits", unknownCommits), ("fallbacks to careful", fallbacks), ("conflicts", conflicts),
            ("repairs", repairs), ("wakes", wakes), ("duplicates", redeliveries),
        ]
    }

    mutating func count(_ step: ExplorerStep, from state: ExplorerState, in model: ExplorerModel) {
        let own = state.threads[Int(step.thread)]
        switch step.kind {
        case .commit: countCommit(Int(own.node), in: model)
        case .crash:
            if own.phase == .running { crashesInTransactions += 1 } else { crashesBeforeAcknowledgement += 1 }
        case .commitIsUnknown, .commitIsLost: unknownCommits += 1
        case .callConflicts: conflicts += 1
        case .repair: repairs += 1
        case .wake: wakes += 1
        case .deliver where state.inHand >> UInt64(2 * Int(step.message)) & 3 != 0: redeliveries += 1
        default: break
        }
    }

    private mutating func countCommit(_ node: Int, in model: ExplorerModel) {
        guard case .finished(let result) = model.book.nodes[node].end else { return }
        if result.conflicts > 0 { lostClaims += 1 }
        if model.book.work(of: node).kind == .careful, model.book.work(of: node).wakes == 0 { fallbacks += 1 }
        var parked = false
        var drained = false
        for write in model.book.nodes[node].writes {
            if case .park = write { parked = true }
            if case .deleteParked = write { drained = true }
        }
        if parked { parks += 1 }
        if drained { drains += 1 }
    }

    mutating func add(_ other: BranchCounts) {
        lostClaims += other.lostClaims
        parks += other.parks
        drains += other.drains
        crashesInTransactions += other.crashesInTransactions
        crashesBeforeAcknowledgement += other.crashesBeforeAcknowledgement
        unknownCommits += other.unknownCommits
        fallbacks += other.fallbacks
        conflicts += other.conflicts
        repairs += other.repairs
        wakes += other.wakes
        redeliveries += other.redeliveries
    }
}
