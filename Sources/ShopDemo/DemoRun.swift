import ShopService
import Synchronization
import Tertib
import TertibLab

/// One run, once everything is started: load, faults, rest, checks.
final class DemoRun: Sendable {
    private let options: DemoOptions
    private let plan: DemoPlan
    private let fleet: Fleet
    private let broker: Broker
    private let tally: Tally
    private let tell: @Sendable (DemoProgress) -> Void
    private let began = ContinuousClock.now
    private let state: Mutex<State>

    private struct State {
        var phase = "starting"
        var faults = DemoReport.Faults()
        var published = 0
    }

    /// How long the shop may take to come to rest after the load.
    private static let patience: Duration = .seconds(90)
    /// How long the tutorials' check may then take; it never comes to rest, because each duplicate is stuck for ever.
    private static let versionCheckPatience: Duration = .seconds(15)
    /// How long last write wins may take, which comes to rest by itself.
    private static let lastWriteWinsPatience: Duration = .seconds(30)
    private static let look: Duration = .milliseconds(250)

    init(
        options: DemoOptions, plan: DemoPlan, fleet: Fleet, broker: Broker, tally: Tally,
        tell: @escaping @Sendable (DemoProgress) -> Void
    ) {
        self.options = options
        self.plan = plan
        self.fleet = fleet
        self.broker = broker
        self.tally = tally
        self.tell = tell
        state = Mutex(State())
    }

    /// Plays load and faults, waits for rest, ends the processes and checks the databases.
    func conduct(_ handles: [Role: EventBus]) async throws -> DemoReport {
        guard let catalog = handles[.catalog] else { preconditionFailure("a service of the demo was not opened") }
        let probe = RestProbe(handles: handles, workload: plan.workload)
        let hostile = HostilePublisher(tertib: catalog, workload: plan.workload, length: plan.loadLength)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.report(probe, hostile) }
            try await waitForLoad(probe)
            enter("load and faults")
            async let published: Void = hostile.run()
            try await playFaults()
            try await published
            enter("coming to rest")
            let unrest = try await waitForRest(probe)
            fleet.end(Role.services)
            enter("waiting for the wrong ways")
            let report = try await check(handles, probe, hostile, unrest)
            fleet.end(Role.wrongWays)
            group.cancelAll()
            return report
        }
    }

    /// Adds what the ends of the processes have shown.
    func note(_ endedBadly: [String], in report: inout DemoReport) {
        if !endedBadly.isEmpty {
            report.problems.append("did not exit with 0 after SIGTERM: \(endedBadly.joined(separator: ", "))")
        }
        report.seconds = seconds
    }

    private var seconds: Double { Seconds.rounded(ContinuousClock.now - began) }

    private func enter(_ phase: String) { state.withLock { $0.phase = phase } }
}

extension DemoRun {
    private func waitForLoad(_ probe: RestProbe) async throws {
        while try await probe.published() == 0 { try await Task.sleep(for: .milliseconds(50)) }
    }

    private func playFaults() async throws {
        let start = ContinuousClock.now
        for fault in plan.faults.faults {
            try await Task.sleep(until: start + fault.at)
            switch fault.kind {
            case .kill(let role, let replica):
                guard fleet.kill(role, replica: replica, restartingAfter: fault.pause) else { continue }
                state.withLock { $0.faults.kills += 1 }
            case .restartBroker:
                guard broker.kill(restartingAfter: fault.pause) else { continue }
                state.withLock { $0.faults.brokerRestarts += 1 }
            }
        }
        try await Task.sleep(until: start + plan.loadLength)
    }

    /// Returns what still moves after all the patience; nothing, when the shop is at rest.
    private func waitForRest(_ probe: RestProbe) async throws -> [String] {
        let deadline = ContinuousClock.now + Self.patience
        var calm = 0
        var unrest: [String] = []
        while ContinuousClock.now < deadline {
            do {
                unrest = try await probe.unrest()
            } catch let error as EventLogError where error.isRetriable {
                unrest = ["\(error)"]
            }
            calm = unrest.isEmpty ? calm + 1 : 0
            if calm == 2 { return [] }
            try await Task.sleep(for: Self.look)
        }
        return unrest
    }

    private func report(_ probe: RestProbe, _ hostile: HostilePublisher) async throws {
        while !Task.isCancelled {
            let published = try await probe.published()
            let progress = state.withLock { state in
                state.published = published
                state.faults.duplicates = hostile.duplicates
                return DemoProgress(
                    phase: state.phase, published: published, outcomes: DemoReport.Outcomes(tally.counts),
                    faults: state.faults,
                    elapsed: ContinuousClock.now - began)
            }
            tell(progress)
            // Cancelled: the loop's condition ends it.
            try? await Task.sleep(for: Self.look)
        }
    }

    private func check(
        _ handles: [Role: EventBus], _ probe: RestProbe, _ hostile: HostilePublisher, _ unrest: [String]
    ) async throws -> DemoReport {
        guard let catalog = handles[.catalog], let orders = handles[.orders], let payments = handles[.payments],
            let lastWriteWins = handles[.lastWriteWins], let versionCheck = handles[.versionCheck]
        else { preconditionFailure("a role of the demo was not opened") }
        let tables = try await ShopTables(catalog: catalog.store, orders: orders.store, payments: payments.store)
        let verification = ShopVerification(tables, workload: plan.workload)
        let offers = ShopVerification.offers(of: plan.workload)
        let baseline = WrongWayProbe(tertib: lastWriteWins, role: .lastWriteWins)
        let tutorial = WrongWayProbe(tertib: versionCheck, role: .versionCheck)
        async let waited = baseline.settle(within: Self.lastWriteWinsPatience)
        let tutorialWaited = try await tutorial.settle(within: Self.versionCheckPatience)
        let tutorialOutcome = try await tutorial.outcome(
            products: tables.products, offers: offers, after: tutorialWaited)
        let baselineOutcome = try await baseline.outcome(
            products: tables.products, offers: offers, after: try await waited)
        var faults = state.withLock(\.faults)
        faults.duplicates = hostile.duplicates
        return DemoReport(
            seed: options.seed, replicas: options.replicas, store: options.store,
            events: DemoReport.Events(
                published: try await probe.published(), foreign: plan.workload.offerChangeCount),
            outcomes: DemoReport.Outcomes(tally.counts), faults: faults,
            baseline: baselineOutcome, tutorial: tutorialOutcome,
            tertib: DemoReport.Outcome(rows: verification.rows, inconsistentRows: verification.inconsistentRows),
            problems: unrest.map { "not at rest: \($0)" } + verification.problems, folder: nil, seconds: seconds)
    }
}
