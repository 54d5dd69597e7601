import Foundation
import Synchronization
import TertibRuntime
import TertibCore
import TertibTesting

/// One run, once everything is started: load and faults, rest, judgement.
final class ChaosRun: Sendable {
    private let stage: ChaosStage
    private let tertib: EventBus
    private let tell: @Sendable (ChaosProgress) -> Void
    private let monitor: ChaosMonitor
    private let foreign: ForeignPublisher
    private let trimmer: HistoryTrimmer
    private let injector: FaultInjector
    private let acknowledged: AsyncStream<[UInt64]>
    private let trap: AsyncStream<[UInt64]>.Continuation
    private let phase = Mutex("starting")
    private let checked = Mutex(0)
    private let began = ContinuousClock.now

    private static let look: Duration = .milliseconds(1000)
    /// Something has to become less within this, and everything has to be done within that.
    private static let (patience, mostPatience) = (Duration.seconds(20), Duration.seconds(300))

    init(stage: ChaosStage, tertib: EventBus, tell: @escaping @Sendable (ChaosProgress) -> Void) {
        self.stage = stage
        self.tertib = tertib
        self.tell = tell
        monitor = ChaosMonitor(tertib: tertib, fleet: stage.fleet, tally: stage.tally, seed: stage.options.seed)
        foreign = ForeignPublisher(
            tertib: tertib, plan: stage.plan, options: stage.options, brokerPort: stage.brokerPort)
        trimmer = HistoryTrimmer(
            tertib: tertib, length: stage.options.length, brokerPort: stage.brokerPort, purges: stage.purges)
        let (acknowledged, trap) = AsyncStream<[UInt64]>.makeStream(bufferingPolicy: .bufferingNewest(64))
        (self.acknowledged, self.trap) = (acknowledged, trap)
        injector = FaultInjector(stage, trap: { trap.yield($0) })
    }

    /// Plays everything, and judges.
    func conduct() async throws -> Chaos.Outcome {
        // The first call creates the stream.
        _ = try await tertib.log.state()
        // Once for all replicas, which would otherwise race for it.
        try await LabWorker.createTables(tertib)
        try stage.fleet.scale(to: stage.options.replicas)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.watch() }
            // Its failure is the run's, so somebody has to wait for it.
            async let judged: Void = judgeAcknowledgements()
            enter("load and faults")
            let start = ContinuousClock.now
            async let published: Void = foreign.run()
            async let trimmed: Void = trimmer.run()
            try await injector.play(stage.plan.faults, from: start, marksFrom: began)
            try await published
            try await trimmed
            var rest = try await comeToRest()
            enter("poison among others")
            let isolation = try await IsolationProbe(
                tertib: tertib, brokerPort: stage.brokerPort, seed: stage.options.seed
            ).run()
            monitor.observe(
                .delayed(secondsWithout: isolation.secondsWithout, secondsWith: isolation.secondsWith))
            rest.unrest += try await waitForRest(within: .seconds(60)).unrest
            enter("stopping the replicas")
            stage.fleet.end()
            trap.finish()
            try await judged
            let outcome = try await judge(rest, isolation)
            group.cancelAll()
            return outcome
        }
    }

    private func enter(_ name: String) { phase.withLock { $0 = name } }

    private var seconds: Double { ((ContinuousClock.now - began) / .milliseconds(10)).rounded() / 100 }

    private func watch() async throws {
        while !Task.isCancelled {
            let sample = await monitor.look(at: seconds)
            tell(
                ChaosProgress(
                    phase: phase.withLock { $0 }, sample: sample, faults: injector.marks.count,
                    violations: monitor.violations.count))
            // Cancelled: the loop's condition ends it.
            try? await Task.sleep(for: Self.look)
        }
    }

    private func judgeAcknowledgements() async throws {
        for await sequences in acknowledged {
            let finding = try await retrying { [tertib] in
                try await Judgement.ofAcknowledged(sequences, by: tertib)
            }
            monitor.add(finding.violations)
            checked.withLock { $0 += finding.checked }
        }
    }
}

/// Rest.
extension ChaosRun {
    /// How the run came to rest.
    private struct Rest {
        /// `nil` when it never did.
        var seconds: Double?
        var unrest: [String] = []
    }

    /// Ends all faults, and waits until nothing moves any more.
    private func comeToRest() async throws -> Rest {
        enter("coming to rest")
        try await injector.calm()
        try stage.fleet.scale(to: stage.options.replicas)
        let calm = ContinuousClock.now
        let at = seconds
        monitor.change { $0.calmAt = at }
        try await retrying { try await self.probe.endLoad() }
        // How long it took stands in the report.
        var rest = try await waitForRest(within: .seconds(45))
        if rest.unrest.isEmpty {
            let at = seconds
            monitor.change { $0.restAt = at }
            rest.seconds = ((ContinuousClock.now - calm) / .milliseconds(10)).rounded() / 100
        }
        return rest
    }

    private var probe: ChaosRestProbe {
        ChaosRestProbe(tertib: tertib, staged: stage.plan.staged, appended: stage.plan.appended)
    }

    /// Waits for so long, and on a machine that does much else besides as long as there is ever less to do.
    private func waitForRest(within limit: Duration) async throws -> Rest {
        let start = ContinuousClock.now
        var deadline = start + limit
        var unrest: [String] = []
        var (quiet, least) = (0, Int.max)
        while ContinuousClock.now < deadline {
            do {
                let found = try await probe.unrest()
                unrest = found.reasons
                if found.open < least {
                    least = found.open
                    deadline = min(start + Self.mostPatience, max(deadline, .now + Self.patience))
                }
            } catch let error as EventLogError where error.isRetriable {
                unrest = ["\(error)"]
            } catch let error as StoreError where error.isRetriable {
                unrest = ["\(error)"]
            }
            quiet = unrest.isEmpty ? quiet + 1 : 0
            if quiet == 2 { return Rest() }
            try await Task.sleep(for: .milliseconds(200))
        }
        return Rest(unrest: unrest)
    }
}

/// Judgement.
extension ChaosRun {
    private func judge(_ rest: Rest, _ isolation: IsolationProbe.Finding) async throws -> Chaos.Outcome {
        var report = ChaosReport(stage.options)
        for reason in rest.unrest { monitor.observe(.stillMoving(reason)) }
        report.secondsToRest = rest.seconds
        try await waitForReplicas()
        for end in stage.fleet.badEnds { monitor.observe(.halted(end)) }
        observeCounts()
        enter("reading the stream")
        let codec = WireCodec(namespace: tertib.options.namespace)
        var stream = try await StreamFacts.read(from: tertib.log, codec: codec)
        stream.add(removed: trimmer.removed)
        enter("judging")
        var attempts = AttemptFacts()
        for file in stage.workspace.attemptFiles { try attempts.read(file) }
        let database = try await retrying { [tertib] in try await DatabaseFacts.read(from: tertib.store) }
        report.add(try Judgement(stream: stream, database: database, attempts: attempts).violations)
        try await observeAudit(stream)
        report.add(monitor.violations)
        report.events = stream.events
        report.aggregates = stream.entries.count
        fill(&report)
        report.faults.poisonedAggregates += isolation.poisonedAggregates
        report.outcomes.secondsWithoutPoison = isolation.secondsWithout
        report.outcomes.secondsWithPoison = isolation.secondsWith
        try judgeLogs(&report)
        report.outcomes.attempts = attempts.count
        report.outcomes.copies = stream.messages - stream.events
        report.outcomes.deadLettered = database.deadLetters
        return outcome(report)
    }

    private func outcome(_ report: ChaosReport) -> Chaos.Outcome {
        var (report, timeline) = (report, monitor.timeline)
        for mark in injector.marks { timeline.add(mark) }
        report.seconds = seconds
        return Chaos.Outcome(report: report, timeline: timeline)
    }

    /// What has been seen so far, of a run that was stopped.
    var interrupted: Chaos.Outcome {
        var report = ChaosReport.interrupted(stage.options)
        report.add(monitor.violations)
        fill(&report)
        let published = foreign.published
        report.events = published.messages - published.duplicates
        return outcome(report)
    }

    /// Tries again while the database or the broker is away.
    private func retrying<Result: Sendable>(
        _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try await body()
            } catch let error as StoreError where error.isRetriable && ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(100))
            } catch let error as EventLogError where error.isRetriable && ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Until the last has ended after SIGTERM.
    private func waitForReplicas() async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !stage.fleet.running.isEmpty {
            guard ContinuousClock.now < deadline else {
                let names = stage.fleet.running.joined(separator: ", ")
                monitor.observe(.halted("\(names): running still, 20 seconds after SIGTERM"))
                return
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func observeCounts() {
        for counts in stage.fleet.present.compactMap({ stage.tally.last(of: $0.name) }) {
            monitor.observe(.stopped(counts: counts, received: counts.delivered))
        }
    }

    private func judgeLogs(_ report: inout ChaosReport) throws {
        let secrets = try stage.postgres?.server.map {
            [try String(contentsOfFile: $0.passwordFile, encoding: .utf8).trimmingCharacters(in: .newlines)]
        }
        let finding = try Canary.read(logsIn: stage.workspace.folder, secrets: secrets ?? [])
        report.outcomes.logLines = finding.lines
        report.outcomes.hostileLogLines = finding.hostileLines
        report.add(finding.violations)
    }

    private func observeAudit(_ stream: StreamFacts) async throws {
        let audit = try await Auditor(services: [tertib]).run()
        var observation = AuditObservation()
        let found = [
            ("behind", audit.behind), ("gapped", audit.gapped), ("ahead", audit.ahead), ("forked", audit.forked),
            ("missing", audit.missing),
        ]
        observation.reported = found.flatMap { reason, entries in entries.map { ($0.aggregate, reason) } }
        (observation.lagging, observation.aggregates) = (audit.lagging, audit.aggregates)
        observation.expectedAggregates = stream.entries.count
        monitor.observe(.audited(observation))
    }

    private func fill(_ report: inout ChaosReport) {
        report.faults = injector.faults
        report.faults.crashes = stage.fleet.crashed
        report.faults.trappedHandlers = stage.fleet.trapped
        let published = foreign.published
        report.faults.duplicates = published.duplicates
        report.faults.poisonedAggregates = published.poisonedAggregates
        report.faults.forks = published.forks
        report.faults.trimmedHistories = trimmer.trimmed
        report.faults.purgedHistories = trimmer.purged
        let network = stage.proxy.counts
        report.faults.lostAcknowledgements = network.lostAcknowledgements
        report.faults.cutCommits = stage.postgres?.proxy?.counts.cutCommits ?? 0
        let counts = stage.tally.counts
        report.outcomes = ChaosReport.Outcomes(
            delivered: counts.delivered, applied: counts.applied, stale: counts.stale, held: counts.held,
            parked: counts.parked, repaired: counts.repaired, drained: counts.drained, conflicts: counts.conflicts,
            failures: counts.failures, deliveries: network.deliveries,
            redeliveries: network.redeliveries, acknowledgementsChecked: checked.withLock { $0 },
            mostParked: monitor.mostParked, largestMegabytes: monitor.largestMegabytes,
            givenUp: stage.fleet.givenUp)
    }
}
