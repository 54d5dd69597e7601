import Foundation
import Logging
import ShopService
import Synchronization
import TertibRuntime
import TertibTesting
import TertibConfiguration
import TertibCore

/// One round: a stream and a database of its own, a process that dies at a crash point, and its successor.
struct CrashRound: Sendable {
    let death: CrashRounds.Death
    let seed: UInt64
    let program: String
    let workspace: Workspace
    let brokerPort: Int
    let server: ThrowawayPostgres?
    /// The point has to be reached within this.
    var patience: Duration = .seconds(60)

    /// What the process is fed at a time: so many aggregates, of so many versions.
    private static let (width, length) = (5, Int64(8))
    /// From the versions above the first to the first ones: time enough to park them.
    private static let pause: Duration = .milliseconds(120)
    private static let restLimit: Duration = .seconds(60)
    private static let crashStatus: Int32 = 137

    /// What has become of the processes.
    private final class Fate: Sendable {
        let hasCrashed = Mutex(false)
    }

    /// Plays it, and judges.
    func run() async throws -> CrashReport.Round {
        let start = ContinuousClock.now
        var round = CrashReport.Round(
            store: death.store == .sqlite ? "sqlite" : "postgres", point: "\(death.site)", count: death.count)
        try await server?.createDatabase(name)
        try workspace.write(configuration, to: "\(name).json")
        let silent = Logger(label: "tertib-crashes") { _ in SwiftLogNoOpLogHandler() }
        let tertib = try await EventBus.open(configuration: workspace.path("\(name).json"), logger: silent)
        _ = try await tertib.log.state()
        try await LabWorker.createTables(tertib)
        let fate = Fate()
        let process = try process(fate)
        let unrest = try await withThrowingTaskGroup(of: [String].self) { group in
            group.addTask {
                try await process.run()
                return []
            }
            group.addTask {
                let unrest = try await feed(tertib, until: fate)
                process.end()
                return unrest
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        round.reached = fate.hasCrashed.withLock { $0 }
        var oracles = Judgement.settings().oracles
        for reason in unrest { round.violations += oracles.observe(.stillMoving(reason)) }
        for end in process.badEnds { round.violations += oracles.observe(.halted(end)) }
        let stream = try await StreamFacts.read(
            from: tertib.log, codec: WireCodec(namespace: tertib.options.namespace))
        var attempts = AttemptFacts()
        try attempts.read(attemptFile)
        round.violations +=
            try Judgement(stream: stream, database: try await .read(from: tertib.store), attempts: attempts).violations
        round.events = stream.events
        await tertib.close()
        round.seconds = ((ContinuousClock.now - start) / .milliseconds(10)).rounded() / 100
        return round
    }

    private var name: String { "crash_\(death.number)" }
    private var attemptFile: String { workspace.path("\(name).attempts") }

    private func process(_ fate: Fate) throws -> ManagedProcess {
        var program = ManagedProcess.Program(path: program) { [name, attemptFile, workspace, death] start in
            let crash = start == 1 ? [LabWorker.Option.crash.rawValue, "\(death.site):\(death.count)"] : []
            return LabWorker.verb + crash + [
                "--config", workspace.path("\(name).json"), "--supervised", LabWorker.Option.attempts.rawValue,
                attemptFile,
            ]
        }
        program.comesBack = { status in
            fate.hasCrashed.withLock { hasCrashed in
                // A second death, or another one, is a failure.
                guard status == Self.crashStatus, !hasCrashed else { return nil }
                hasCrashed = true
                return .milliseconds(1)
            }
        }
        return try ManagedProcess(name: name, program: program, logFile: workspace.path("\(name).log"))
    }

    /// Publishes gaps and closes them until the process has died, once more for its successor, and waits for rest.
    /// Returns what still moves in the end.
    private func feed(_ tertib: EventBus, until fate: Fate) async throws -> [String] {
        let codec = WireCodec(namespace: tertib.options.namespace)
        var publisher = PlainPublisher(to: brokerPort)
        var random = SeededGenerator(seed: seed, topic: "crash", item: death.number)
        let deadline = ContinuousClock.now + patience
        var number = 0
        var isLast = false
        repeat {
            isLast = fate.hasCrashed.withLock { $0 } || ContinuousClock.now > deadline
            number += 1
            let messages = (1...Self.length).flatMap { version in
                (0..<Self.width).map { place in
                    ForeignLoad.Message(
                        type: ForeignLoad.type, id: "\(number)-\(place)", version: version,
                        payload: Moved(amount: .random(in: 1...1000, using: &random)), isDuplicate: false)
                }
            }
            let (first, later) = (messages.prefix(Self.width), messages.dropFirst(Self.width))
            try await publisher.store(later.shuffled(using: &random).map { try codec.encode($0) })
            try await Task.sleep(for: Self.pause)
            // Some of the later ones once more: what is parked, or was applied, comes again.
            try await publisher.store((Array(first) + later.prefix(3)).map { try codec.encode($0) })
            try await Task.sleep(for: Self.pause)
        } while !isLast
        return try await waitForRest(tertib)
    }

    private func waitForRest(_ tertib: EventBus) async throws -> [String] {
        let probe = ChaosRestProbe(tertib: tertib, staged: 0, appended: 0)
        let deadline = ContinuousClock.now + Self.restLimit
        while true {
            let unrest = try await probe.unrest().reasons
            guard !unrest.isEmpty, ContinuousClock.now < deadline else { return unrest }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private var configuration: String {
        let store = server.flatMap { death.store == .sqlite ? nil : $0.configuration(of: name) }
        return """
            {
              "service": "\(LabNames.service)",
              "nats": { "servers": ["nats://127.0.0.1:\(brokerPort)"] },
              "stream": { "name": "CRASH\(death.number)", "namespace": "crash\(death.number)" },
              "store": \(store ?? "{ \"kind\": \"sqlite\", \"path\": \"\(name).sqlite\" }"),
              "consumers": { "\(LabNames.consumer)": { "acknowledgementWait": "1s" } },
              "publishes": { "\(LedgerHandler.echoType)": "outbox" },
              "log": { "level": "warning" }
            }
            """
    }
}
