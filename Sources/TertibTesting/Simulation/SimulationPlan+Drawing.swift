import TertibCore
import TertibRuntime

extension SimulationPlan {
    /// Draws a plan: the same options always give the same.
    public init(_ options: SimulationOptions) {
        self.init(options, histories: nil)
    }

    /// With histories, of aggregates that have so many events each; without, of the simulator's own.
    init(_ options: SimulationOptions, histories: [(aggregate: String, count: Int)]?) {
        var draw = SeededGenerator(seed: options.seed)
        self.init(options: options, events: [], staged: [], failing: [], disturbances: [], schedule: nil, broker: nil)
        drawEvents(histories.map { Self.order($0, &draw) } ?? ownOrder(&draw), &draw)
        drawHostileEvents(&draw)
        drawStaged(&draw)
        drawCrashes(&draw)
        drawOutages(&draw)
        drawCommits(&draw)
        drawOperations(&draw)
        drawAppended(&draw)
        drawAccidents(&draw)
        drawStoppedClocks(&draw)
        drawSkips(&draw)
        drawWays(&draw)
        events.sort { $0.at < $1.at }
    }

    /// The versions of each aggregate in turn, aggregates mixed.
    private func ownOrder(_ draw: inout SeededGenerator) -> [(aggregate: String, version: Int)] {
        var versions: [Int: Int] = [:]
        var order: [(aggregate: String, version: Int)] = []
        for _ in 0..<options.events {
            let aggregate = draw.happens(options.hotKey) ? 0 : draw.number(0...max(0, options.aggregates - 1))
            versions[aggregate, default: 0] += 1
            order.append((Self.aggregate(aggregate), versions[aggregate] ?? 1))
        }
        return order
    }

    private static func order(
        _ histories: [(aggregate: String, count: Int)], _ draw: inout SeededGenerator
    ) -> [(aggregate: String, version: Int)] {
        var versions = histories.map { _ in 0 }
        var order: [(aggregate: String, version: Int)] = []
        while true {
            let open = histories.indices.filter { versions[$0] < histories[$0].count }
            guard !open.isEmpty else { return order }
            let index = draw.pick(open)
            versions[index] += 1
            order.append((histories[index].aggregate, versions[index]))
        }
    }

    /// Events in an order shuffled within the window, some of them twice.
    private mutating func drawEvents(
        _ order: [(aggregate: String, version: Int)], _ draw: inout SeededGenerator
    ) {
        var pending: [(aggregate: String, version: Int)] = []
        var stored: [(aggregate: String, version: Int)] = []
        for event in order {
            pending.append(event)
            if pending.count >= options.shuffleWindow {
                stored.append(pending.remove(at: draw.number(0...(pending.count - 1))))
            }
        }
        stored += pending.shuffled(using: &draw)
        let isBurst = draw.happens(0.5)
        for (index, event) in stored.enumerated() {
            let even = options.milliseconds * index / max(1, stored.count)
            let at = isBurst ? even / 400 * 400 : even
            let name = event.aggregate
            events.append(Event(at: at, aggregate: name, version: event.version))
            if draw.happens(options.duplicates) {
                events.append(Event(at: moment(&draw, from: at), aggregate: name, version: event.version))
            }
        }
    }

    private mutating func drawHostileEvents(_ draw: inout SeededGenerator) {
        guard !events.isEmpty else { return }
        for _ in 0..<options.forks {
            var event = draw.pick(events)
            event.kind = .fork
            // In the same batch, shortly before or after, or at any time: at, below and above the watermark, and parked.
            let shift = draw.pick([0, 0, -1, draw.number(1...300), -draw.number(1...300)])
            event.at = draw.happens(0.3) ? moment(&draw) : max(0, event.at + shift)
            events.append(event)
        }
        for index in 0..<options.malformed {
            var event = draw.pick(events)
            event.at = moment(&draw)
            event.kind = index % 2 == 0 ? .malformed : .ignored
            if event.kind == .ignored { event.aggregate = "noise/\(index)" }
            events.append(event)
        }
        for _ in 0..<options.failing {
            let event = draw.pick(events)
            failing.append(Failing(aggregate: event.aggregate, version: event.version, times: draw.number(1...2)))
        }
        for _ in 0..<options.poison {
            let event = draw.pick(events)
            failing.append(Failing(aggregate: event.aggregate, version: event.version, times: nil))
        }
    }

    private mutating func drawStaged(_ draw: inout SeededGenerator) {
        for _ in 0..<options.staged {
            staged.append(
                Staged(
                    at: moment(&draw), replica: replica(&draw), aggregate: "order/\(draw.number(1...2))",
                    count: draw.number(1...3)))
        }
    }

    private mutating func drawCrashes(_ draw: inout SeededGenerator) {
        let named = CrashSite.named.map(\.value)
        for _ in 0..<options.crashes {
            disturbances.append(
                Disturbance(
                    .crash, lasting: draw.number(20...1200), replica: replica(&draw),
                    point: draw.happens(0.7) ? draw.pick(named) : draw.pick(CrashSite.all),
                    nth: draw.happens(0.5) ? draw.number(1...2) : draw.number(1...20)))
        }
        for _ in 0..<options.kills {
            disturbances.append(
                Disturbance(.kill, at: moment(&draw), lasting: draw.number(20...1200), replica: replica(&draw)))
        }
    }

    private mutating func drawOutages(_ draw: inout SeededGenerator) {
        for _ in 0..<options.brokerOutages {
            let lasting = draw.happens(0.2) ? draw.number(19_000...26_000) : draw.number(50...2500)
            disturbances.append(Disturbance(.brokerAway, at: moment(&draw), lasting: lasting))
        }
        for _ in 0..<options.databaseOutages {
            disturbances.append(Disturbance(.databaseAway, at: moment(&draw), lasting: draw.number(50...2500)))
        }
        for _ in 0..<options.cuts {
            disturbances.append(
                Disturbance(.cut, at: moment(&draw), lasting: draw.number(50...2500), replica: replica(&draw)))
        }
        for _ in 0..<options.pauses {
            let least = draw.happens(0.3) ? 6000 : options.acknowledgementWait
            let lasting = least + draw.number(-300...(least == 6000 ? 8000 : 1500))
            disturbances.append(
                Disturbance(.pause, at: moment(&draw), lasting: lasting, replica: replica(&draw)))
        }
    }

    private mutating func drawCommits(_ draw: inout SeededGenerator) {
        let most = 2 * (options.events + options.staged) + 10
        for _ in 0..<options.unknownCommits {
            let kind: Disturbance.Kind = draw.happens(0.5) ? .unknownCommitted : .unknownRolledBack
            disturbances.append(Disturbance(kind, nth: draw.number(1...most)))
        }
        for _ in 0..<options.conflicts { disturbances.append(Disturbance(.conflict, nth: draw.number(1...most))) }
        for _ in 0..<options.refusals {
            disturbances.append(Disturbance(.commitRefused, nth: draw.number(1...max(2, options.events / 3))))
        }
        for _ in 0..<options.failingSteps {
            let kind: Disturbance.Kind = draw.happens(0.7) ? .storeConflict : .storeAway
            disturbances.append(Disturbance(kind, nth: draw.number(1...(20 * most))))
        }
        for _ in 0..<options.lostPublishes {
            let kind: Disturbance.Kind = draw.happens(0.5) ? .lostPublish : .lostPublishAnswer
            disturbances.append(Disturbance(kind, at: moment(&draw)))
        }
    }

    private mutating func drawOperations(_ draw: inout SeededGenerator) {
        for _ in 0..<options.clockJumps {
            let kind: Disturbance.Kind = draw.happens(0.5) ? .databaseClock : .replicaClock
            let amount = draw.pick([-3_600_000, 3_600_000, 315_000_000_000, -315_000_000_000, -2000, 2000])
            disturbances.append(Disturbance(kind, at: moment(&draw), replica: replica(&draw), amount: amount))
        }
        for _ in 0..<options.scaling {
            let kind: Disturbance.Kind = draw.happens(0.5) ? .join : .leave
            disturbances.append(Disturbance(kind, at: moment(&draw), replica: replica(&draw)))
        }
        for _ in 0..<options.forgotten {
            disturbances.append(Disturbance(.forget, at: moment(&draw), amount: draw.number(1...20)))
        }
        for _ in 0..<options.trims {
            disturbances.append(Disturbance(.trim, at: moment(&draw), amount: draw.number(0...10)))
        }
    }

    /// In bursts, so that writers meet.
    private mutating func drawAppended(_ draw: inout SeededGenerator) {
        for _ in 0..<options.appends {
            let at = moment(&draw)
            appended.append(
                Appended(
                    at: draw.happens(0.7) ? at / 500 * 500 : at, replica: replica(&draw),
                    aggregate: "account/\(draw.number(1...2))", count: draw.number(1...3),
                    expects: draw.happens(0.6)))
        }
    }

    /// What happens to the stream as a whole.
    private mutating func drawAccidents(_ draw: inout SeededGenerator) {
        for _ in 0..<options.lostTails {
            disturbances.append(
                Disturbance(.loseTail, at: moment(&draw), lasting: draw.number(50...1500), amount: draw.number(1...8)))
        }
        for _ in 0..<options.restores {
            disturbances.append(
                Disturbance(.restore, at: moment(&draw), lasting: draw.number(50...1500), amount: draw.number(0...20)))
        }
        for _ in 0..<options.recreations {
            disturbances.append(Disturbance(.recreate, at: moment(&draw), lasting: draw.number(0...3000)))
        }
    }

    private mutating func drawSkips(_ draw: inout SeededGenerator) {
        for _ in 0..<options.skips {
            disturbances.append(Disturbance(.skip, at: moment(&draw), amount: draw.number(1...4)))
        }
    }

    private mutating func drawStoppedClocks(_ draw: inout SeededGenerator) {
        for _ in 0..<options.stoppedClocks {
            let kind: Disturbance.Kind = draw.happens(0.6) ? .databaseClockStopped : .replicaClockStopped
            disturbances.append(
                Disturbance(kind, at: moment(&draw), lasting: draw.number(500...12_000), replica: replica(&draw)))
        }
    }

    /// Some handlers fail before they have written anything, some only when their event has waited.
    private mutating func drawWays(_ draw: inout SeededGenerator) {
        for index in failing.indices {
            failing[index].way = draw.pick([nil, nil, .beforeItsWrites, .whileParked])
        }
    }

    private func moment(_ draw: inout SeededGenerator, from start: Int = 0) -> Int {
        draw.number(start...max(start, options.milliseconds))
    }

    private func replica(_ draw: inout SeededGenerator) -> Int { draw.number(0...max(0, options.replicas - 1)) }

    static func aggregate(_ number: Int) -> String { "product/\(number + 1)" }
}
