import TertibRuntime
import TertibCore

/// Looks at a cell from outside: its database by plain SQL, its JetStream consumer by the broker's word.
struct CellProbe: Sendable {
    let tertib: EventBus
    let cell: ExperimentCell
    let load: ExperimentLoad

    /// What can be seen to move.
    private struct Picture {
        var applied = 0
        var versions = 0
        var parked = 0
        var pending: UInt64 = 0
        var unacknowledged = 0

        /// Whether nothing is left to be done.
        var isAtRest: Bool { parked == 0 && pending == 0 && unacknowledged == 0 }

        /// Whether nothing was applied in between; what comes again and again changes the other numbers for ever.
        func hasSameRows(as other: Picture) -> Bool {
            applied == other.applied && versions == other.versions && parked == other.parked
        }
    }

    private static let look: Duration = .milliseconds(50)
    /// After so long without any change it will stay as it is: what is not acknowledged comes again for ever. Tertib is
    /// given more time, because it promises an end.
    private var calm: Duration { cell.mode == .tertib ? .seconds(15) : .milliseconds(2500) }
    /// After so long it counts as not at rest.
    private static let limit: Duration = .seconds(40)

    private var durable: String {
        "\(LabNames.service)-\(cell.mode == .tertib ? LabNames.consumer : ExperimentLoad.type)"
    }

    /// Whether a replica has made the JetStream consumer.
    func hasConsumer() async throws -> Bool { try await tertib.log.consumerState(durable) != nil }

    /// Waits until the stream does not grow any more.
    func waitForSilence() async throws {
        var last: StreamSequence?
        while true {
            let now = try await tertib.log.state().lastSequence
            if now == last { return }
            last = now
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Waits until an owner has published everything that it has staged.
    func waitUntilPublished(_ owner: EventBus) async throws {
        let deadline = ContinuousClock.now + Self.limit
        while try await owner.store.read({ try $0.outboxSummary().rows }) > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: Self.look)
        }
    }

    /// Waits until nothing moves, and compares with the owner.
    func measureAtRest() async throws -> ExperimentCell {
        let start = ContinuousClock.now
        var last = Picture()
        var changed = start
        var firstRest: ContinuousClock.Instant?
        while ContinuousClock.now < start + Self.limit {
            let picture = try await picture()
            if !picture.hasSameRows(as: last) { changed = .now }
            last = picture
            firstRest = picture.isAtRest ? firstRest ?? .now : nil
            if let firstRest, ContinuousClock.now - firstRest > .milliseconds(200) { break }
            if ContinuousClock.now - changed > calm { break }
            try await Task.sleep(for: Self.look)
        }
        return try await compare(last, rest: firstRest.map { $0 - start })
    }

    private func picture() async throws -> Picture {
        var picture = try await tertib.store.read { reader in
            var picture = Picture()
            let applied = try reader.query("SELECT COUNT(*) AS number FROM lab_applied", arguments: [])
            let versions = try reader.query("SELECT SUM(version) AS number FROM lab_copy", arguments: [])
            let parked = try reader.query("SELECT COUNT(*) AS number FROM tertib_parked", arguments: [])
            picture.applied = Int(applied.first?.number("number") ?? 0)
            picture.versions = Int(versions.first?.number("number") ?? 0)
            picture.parked = Int(parked.first?.number("number") ?? 0)
            return picture
        }
        if let state = try await tertib.log.consumerState(durable) {
            picture.pending = state.pending
            picture.unacknowledged = state.acknowledgementPending
        }
        return picture
    }

    private func compare(_ picture: Picture, rest: Duration?) async throws -> ExperimentCell {
        let (copies, applied) = try await tertib.store.read { reader in
            (
                try reader.query("SELECT id, amount FROM lab_copy", arguments: []),
                try reader.query(
                    "SELECT id, version, COUNT(*) AS times FROM lab_applied GROUP BY id, version", arguments: [])
            )
        }
        let owner = load.owner
        var measured = cell
        measured.events = load.history.count
        measured.rows = owner.count
        let amounts = Dictionary(
            copies.compactMap { row in row["id"].text.map { ($0, Int(row.number("amount"))) } },
            uniquingKeysWith: { $1 })
        measured.inconsistentRows = owner.count { amounts[$0.key] != $0.value }
        measured.appliedTwice = applied.reduce(0) { $0 + Int($1.number("times")) - 1 }
        let known = Set(applied.compactMap { row in row["id"].text.map { "\($0)/\(row.number("version"))" } })
        let missing = load.history.filter { !known.contains("\($0.id)/\($0.version)") }
        measured.lostEvents = missing.count
        measured.stuckAggregates = Set(missing.map(\.id)).count
        measured.stuckDeliveries = rest == nil ? Int(picture.pending) + picture.unacknowledged : 0
        measured.secondsToRest = rest.map { ($0 / .milliseconds(10)).rounded() / 100 }
        return measured
    }
}
