import Foundation
import Synchronization
import TertibRuntime
import TertibCore
import TertibTesting

/// Looks at everything while it runs: lag and limits, and the oracles that hold at any moment.
final class ChaosMonitor: Sendable {
    private let tertib: EventBus
    private let fleet: ChaosFleet
    private let tally: Tally
    private let state: Mutex<State>

    private struct State {
        var timeline = ChaosTimeline()
        var violations: [Violation] = []
        var oracles: [any Oracle]
        var sampled: Set<Aggregate> = []
        var mostParked = 0
        var largestMegabytes = 0
        var random: UInt64
        var messages = 0
    }

    /// So many watermarks are followed.
    private static let followed = 400
    /// A replica may not need more megabytes than this.
    private static let mostMegabytes = 600

    init(tertib: EventBus, fleet: ChaosFleet, tally: Tally, seed: UInt64) {
        self.tertib = tertib
        self.fleet = fleet
        self.tally = tally
        var settings = Judgement.settings()
        settings.maxMegabytes = Self.mostMegabytes
        state = Mutex(State(oracles: settings.oracles, random: seed))
    }

    var timeline: ChaosTimeline { state.withLock(\.timeline) }
    var violations: [Violation] { state.withLock(\.violations) }
    var mostParked: Int { state.withLock(\.mostParked) }
    var largestMegabytes: Int { state.withLock(\.largestMegabytes) }

    /// Adds violations that were found elsewhere.
    func add(_ violations: [Violation]) { state.withLock { $0.violations += violations } }

    /// Shows an observation to the oracles.
    func observe(_ observation: Observation) {
        state.withLock { $0.violations += $0.oracles.observe(observation) }
    }

    /// Takes note of a moment.
    func change(_ body: @Sendable (inout ChaosTimeline) -> Void) { state.withLock { body(&$0.timeline) } }

    /// One look. Who is away is left out.
    func look(at seconds: Double) async -> ChaosTimeline.Sample {
        let durable = try? await tertib.log.consumerState(LabNames.durable)
        let messages = (try? await tertib.log.state())?.lastSequence.number
        let parked = try? await lookAtDatabase()
        lookAtMemory()
        let (applied, replicas) = (tally.counts.applied, fleet.count)
        return state.withLock { state in
            if let messages { state.messages = Int(messages) }
            let sample = ChaosTimeline.Sample(
                at: (seconds * 10).rounded() / 10, messages: state.messages, applied: applied,
                lag: durable.map { Int($0.pending) + $0.acknowledgementPending }, parked: parked, replicas: replicas)
            state.timeline.add(sample)
            state.mostParked = max(state.mostParked, parked ?? 0)
            return sample
        }
    }

    private func lookAtMemory() {
        for process in fleet.present {
            guard let id = process.id,
                let line = FileManager.default.contents(atPath: "/proc/\(id)/statm"),
                let pages = String(decoding: line, as: UTF8.self).split(separator: " ").dropFirst().first
                    .flatMap({ Int($0) })
            else { continue }
            let megabytes = (pages * 4096) >> 20
            state.withLock { state in
                state.largestMegabytes = max(state.largestMegabytes, megabytes)
                state.violations += state.oracles.observe(.memory(of: process.name, megabytes: megabytes))
            }
        }
    }

    /// Watermarks that fall, and parked rows that should not be there, in one snapshot. Returns the parked rows.
    private func lookAtDatabase() async throws -> Int {
        let first = state.withLock { state in
            state.random = state.random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return String((state.random >> 33) % 4000)
        }
        let (rows, wrong, parked) = try await tertib.store.read { reader in
            (
                try reader.query(Self.marks, arguments: [.text(LabNames.consumer), .text(first)]),
                try reader.query(Self.wrongRows, arguments: [.text(LabNames.consumer)]),
                try reader.query("SELECT COUNT(*) AS number FROM tertib_parked", arguments: [])
            )
        }
        try state.withLock { state in
            for row in rows {
                let aggregate = try row.aggregate()
                guard state.sampled.contains(aggregate) || state.sampled.count < 20_000 else { continue }
                state.sampled.insert(aggregate)
                state.violations += state.oracles.observe(.sampled(SampleObservation(aggregate, row.version)))
            }
            for row in wrong {
                let sample = SampleObservation(
                    try row.aggregate(), row.version,
                    parked: (
                        Int(row.number("claimed")), Int(row.number("counted")),
                        AggregateVersion(row.number("lowest"))
                    ))
                state.violations += state.oracles.observe(.sampled(sample))
            }
        }
        return Int(parked.first?.number("number") ?? 0)
    }

    private static let marks = """
        SELECT aggregate_type, aggregate_id, version FROM tertib_watermark WHERE consumer = ? AND aggregate_id >= ?
        ORDER BY aggregate_type, aggregate_id LIMIT \(followed)
        """

    /// The watermark's own count of parked rows has to be right in every committed state, and none may be applied.
    private static let wrongRows = """
        SELECT w.aggregate_type, w.aggregate_id, w.version, w.parked AS claimed, COUNT(p.version) AS counted,
            MIN(p.version) AS lowest
        FROM tertib_watermark w LEFT JOIN tertib_parked p ON p.consumer = w.consumer
            AND p.aggregate_type = w.aggregate_type AND p.aggregate_id = w.aggregate_id
        WHERE w.consumer = ? AND w.parked > 0
        GROUP BY w.aggregate_type, w.aggregate_id, w.version, w.parked
        HAVING COUNT(p.version) <> w.parked OR MIN(p.version) <= w.version
        """
}
