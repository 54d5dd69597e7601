import Synchronization
import TertibRuntime

/// Plays the plan's faults.
final class FaultInjector: Sendable {
    let fleet: ChaosFleet
    let postgres: ChaosPostgres?
    private let broker: Broker
    private let proxy: NetworkProxy
    private let disk: SmallDisk?
    private let brokerDisk: SmallDisk?
    private let trap: @Sendable ([UInt64]) -> Void
    private let state = Mutex(State())

    private struct State {
        var faults = ChaosReport.Faults()
        var marks: [ChaosTimeline.Mark] = []
        var start = ContinuousClock.now
    }

    /// - Parameter trap: gets the stream sequences that were acknowledged when a replica was killed at an
    ///   acknowledgement; called on the proxy's thread.
    init(_ stage: ChaosStage, trap: @escaping @Sendable ([UInt64]) -> Void) {
        fleet = stage.fleet
        postgres = stage.postgres
        broker = stage.broker
        proxy = stage.proxy
        disk = stage.disk
        brokerDisk = stage.brokerDisk
        self.trap = trap
    }

    /// What was done so far.
    var faults: ChaosReport.Faults { state.withLock(\.faults) }
    /// When what was done.
    var marks: [ChaosTimeline.Mark] { state.withLock(\.marks) }

    /// Plays everything; several faults may overlap.
    /// - Parameter origin: what the times of the marks are counted from.
    func play(
        _ faults: [ChaosPlan.Fault], from start: ContinuousClock.Instant, marksFrom origin: ContinuousClock.Instant
    ) async throws {
        state.withLock { $0.start = origin }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for fault in faults {
                try await Task.sleep(until: start + fault.at)
                group.addTask { try await self.play(fault) }
            }
            while try await group.next() != nil {}
        }
    }

    /// Ends whatever fault still lasts.
    func calm() async throws {
        for proxy in [proxy, postgres?.proxy].compactMap(\.self) {
            for link in proxy.links { proxy.change(link) { $0 = LinkRules() } }
        }
        for process in fleet.present { process.resume() }
        try disk?.free()
        try brokerDisk?.free()
        try await postgres?.unlimitConnections()
    }

    /// Takes note of a fault.
    /// - Parameter count: where it is counted, if not elsewhere; and how many it is.
    func note(
        _ kind: String, _ seat: Int?, _ length: Duration, _ count: WritableKeyPath<ChaosReport.Faults, Int>?,
        times: Int = 1
    ) {
        state.withLock { state in
            if let count { state.faults[keyPath: count] += times }
            let from = (ContinuousClock.now - state.start) / .seconds(1)
            state.marks.append(
                ChaosTimeline.Mark(
                    kind: kind, replica: seat.map { $0 + 1 }, from: from, to: from + length / .seconds(1)))
        }
    }
}

extension FaultInjector {
    private func play(_ fault: ChaosPlan.Fault) async throws {
        let length = fault.length
        if fault.kind.isOutage { fleet.expectOutage(for: length) }
        switch fault.kind {
        case .kill(let number):
            guard let (seat, process) = fleet.replica(number), process.kill(restartingAfter: length) else { return }
            note("kill -9", seat, length, \.kills)
        case .crash(let number, let site, let count):
            guard let (seat, process) = fleet.replica(number) else { return }
            fleet.crash(seat, process, at: "\(site):\(count)", restartingAfter: length)
            note("crash point", seat, length, nil)  // counted when it has crashed
        case .killAtAcknowledgement(let number, let after):
            guard let (seat, process) = fleet.replica(number) else { return }
            killAtAcknowledgement(seat, process, after: after, restartingAfter: length)
        case .pause(let number):
            guard let (seat, process) = fleet.replica(number), process.suspend() else { return }
            note("pause", seat, length, \.pauses)
            try await Task.sleep(for: length)
            process.resume()
        case .terminate(let number):
            guard let (seat, process) = fleet.replica(number), process.terminate(restartingAfter: length) else {
                return
            }
            note("SIGTERM", seat, length, \.terminations)
        case .restartBroker:
            if broker.restart(after: length) { note("broker restart", nil, length, \.brokerRestarts) }
        case .killBroker:
            if broker.kill(restartingAfter: length) { note("broker kill -9", nil, length, \.brokerKills) }
        case .scale(let count):
            let killed = try fleet.scale(to: count)
            note("scale", nil, .zero, \.scalings)
            state.withLock { $0.faults.kills += killed }
        case .exhaust(let number, let limit):
            try await exhaust(number, limit, length)
        case .fillDisk:
            try await fillDisk(length)
        case .fillBrokerDisk:
            guard let brokerDisk else { return }
            try brokerDisk.fill()
            note("broker's full disk", nil, length, \.brokerFullDisks)
            try await Task.sleep(for: length)
            try brokerDisk.free()
            // It does not find out that there is space again, and nor does it end on SIGTERM (nats-server 2.9.10).
            broker.insist(restartingAfter: .milliseconds(50))
        case .cut, .slow, .stall, .halfOpen, .loseAcknowledgements:
            try await disturbNetwork(fault)
        case .restartDatabase, .killBackends, .cutCommits, .limitConnections, .slowDatabase:
            try await disturbDatabase(fault)
        }
    }

    private func exhaust(_ number: Int, _ limit: ProcessLimit, _ length: Duration) async throws {
        guard let (seat, process) = fleet.replica(number), let id = process.id else { return }
        fleet.exhaust(process, true)
        if let before = try await limit.exhaust(id) {
            note("out of \(limit.rawValue)", seat, length, limit == .memory ? \.outOfMemory : \.outOfDescriptors)
            try await Task.sleep(for: length)
            try await limit.restore(before)
            // What it has ended of is told after it has ended.
            try await Task.sleep(for: .seconds(1))
        }
        fleet.exhaust(process, false)
    }

    private func fillDisk(_ length: Duration) async throws {
        guard let disk else { return }
        // A database server may end of it, and not come back before there is space again.
        postgres?.server?.mayEnd(true)
        try disk.fill()
        note("full disk", nil, length, \.fullDisks)
        try await Task.sleep(for: length)
        try disk.free()
        try await postgres?.server?.waitUntilReady()
        postgres?.server?.mayEnd(false)
    }

    private func disturbNetwork(_ fault: ChaosPlan.Fault) async throws {
        switch fault.kind {
        case .cut(let number):
            try await disturb(number, "cut", fault.length, \.cuts) { $0.line = .cut }
        case .slow(let number, let delay):
            try await disturb(number, "slow", fault.length, \.slowLinks) { $0.line = .slow(delay) }
        case .stall(let number):
            try await disturb(number, "stall", fault.length, \.stalls) { $0.line = .stalled }
        case .halfOpen(let number):
            try await disturb(number, "half open", fault.length, \.halfOpenLinks) { $0.line = .halfOpen }
        case .loseAcknowledgements(let number, let share):
            guard let (seat, _) = fleet.replica(number) else { return }
            note("lost acknowledgements", seat, fault.length, nil)  // the network counts them one by one
            proxy.change(proxy.links[seat]) { $0.lostAcknowledgements = share }
            try await Task.sleep(for: fault.length)
            proxy.change(proxy.links[seat]) { $0.lostAcknowledgements = 0 }
        default: return
        }
    }

    private func disturb(
        _ number: Int, _ kind: String, _ length: Duration, _ count: WritableKeyPath<ChaosReport.Faults, Int>,
        _ change: (inout LinkRules) -> Void
    ) async throws {
        guard let (seat, _) = fleet.replica(number) else { return }
        note(kind, seat, length, count)
        proxy.change(proxy.links[seat], change)
        try await Task.sleep(for: length)
        proxy.change(proxy.links[seat]) { $0.line = .open }
    }

    /// The replica is dead before the broker has the acknowledgement: whatever it acknowledges has to be committed.
    func killAtAcknowledgement(
        _ seat: Int, _ process: ManagedProcess, after: Int, restartingAfter pause: Duration
    ) {
        proxy.change(proxy.links[seat]) { rules in
            rules.trap = LinkRules.Trap(countdown: after) { [self] acknowledged in
                guard process.kill(restartingAfter: pause) else { return }
                note("kill at acknowledgement", seat, pause, \.killsAtAcknowledgement)
                trap(acknowledged)
            }
        }
    }
}
