import Foundation
import Logging
import ShopService
import TertibRuntime
import TertibConfiguration
import TertibCore

/// One cell: a stream and a database of its own, so many processes, one load, one fault.
struct CellRun: Sendable {
    let cell: ExperimentCell
    let number: Int
    let seed: UInt64
    let program: String
    let workspace: Workspace
    let brokerPort: Int
    let proxy: NetworkProxy

    /// Events a second.
    private static let rate = 1000.0
    /// Between two looks.
    private static let look: Duration = .milliseconds(50)

    /// Runs it, and measures.
    func run() async throws -> ExperimentCell {
        let load = ExperimentLoad(seed: seed, events: cell.events, profile: cell.profile)
        try writeConfigurations()
        let tally = Tally()
        let processes = try (0..<cell.replicas).map { try process($0, tally) }
        let before = proxy.counts
        let result = try await withThrowingTaskGroup(of: ExperimentCell?.self) { group in
            for process in processes {
                group.addTask {
                    try await process.run()
                    return nil
                }
            }
            group.addTask {
                let measured = try await conduct(load, processes, tally)
                for process in processes { process.end() }
                return measured
            }
            var measured: ExperimentCell?
            while let result = try await group.next() { measured = result ?? measured }
            guard let measured else { throw CancellationError() }
            return measured
        }
        for link in proxy.links { proxy.change(link) { $0 = LinkRules() } }
        var measured = result
        let again = proxy.counts.redeliveries - before.redeliveries
        measured.redeliveriesPerEvent = (Double(again) / Double(load.history.count) * 1000).rounded() / 1000
        return measured
    }

    private func conduct(
        _ load: ExperimentLoad, _ processes: [ManagedProcess], _ tally: Tally
    ) async throws -> ExperimentCell {
        let silent = Logger(label: "tertib-experiment") { _ in SwiftLogNoOpLogHandler() }
        let tertib = try await EventBus.open(configuration: path("supervisor"), logger: silent)
        let probe = CellProbe(tertib: tertib, cell: cell, load: load)
        try await waitUntilReady(probe, processes, tally)
        let measured = try await withThrowingTaskGroup(of: Void.self) { group in
            if cell.profile == .kill { group.addTask { try await kill(processes) } }
            setFaults()
            if cell.profile == .lostPublish {
                try await publishLossily(load, silent, probe, &group)
            } else {
                try await publish(load, tertib)
            }
            let measured = try await probe.measureAtRest()
            group.cancelAll()
            return measured
        }
        await tertib.close()
        return measured
    }

    private func waitUntilReady(_ probe: CellProbe, _ processes: [ManagedProcess], _ tally: Tally) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            let haveSpoken = processes.allSatisfy { tally.last(of: $0.name) != nil }
            if haveSpoken, try await probe.hasConsumer() { return }
            try await Task.sleep(for: Self.look)
        }
        throw LabError(
            "The replicas do not start.", why: "They did not say anything within 30 seconds.",
            advice: "Run `shop-demo`, which shows what they say.")
    }

    private func setFaults() {
        guard cell.profile == .lostAcknowledgements else { return }
        for link in proxy.links.prefix(cell.replicas) {
            proxy.change(link) { rules in
                rules.lostAcknowledgements = FaultProfile.lostShare
                rules.random = SeededGenerator(seed: seed, topic: "lost", item: link.number)
            }
        }
    }

    private func kill(_ processes: [ManagedProcess]) async throws {
        var random = SeededGenerator(seed: seed, topic: "kills")
        let length = Double(cell.events) / Self.rate
        for _ in 0..<6 {
            try await Task.sleep(for: .seconds(length / 6))
            let victim = processes[Int.random(in: 0..<processes.count, using: &random)]
            victim.kill(restartingAfter: .milliseconds(50))
        }
    }
}

/// Publishing.
extension CellRun {
    /// Stores every message for certain, one after the other, so that the stream has the planned order.
    private func publish(_ load: ExperimentLoad, _ tertib: EventBus) async throws {
        let codec = WireCodec(namespace: tertib.options.namespace)
        var publisher = PlainPublisher(to: brokerPort)
        let messages = try load.published.map { try $0.message(codec) }
        try await publisher.store(messages, interval: .seconds(1 / Self.rate))
    }

    /// Loses some events on their way to the broker. The wrong ways' owner writes to the connection and does not look
    /// back; Tertib's owner stages its events, and the relay publishes until the stream has acknowledged.
    private func publishLossily(
        _ load: ExperimentLoad, _ logger: Logger, _ probe: CellProbe, _ group: inout ThrowingTaskGroup<Void, any Error>
    ) async throws {
        guard let link = proxy.links.last else { return }
        proxy.change(link) { rules in
            rules.lostPublishes = FaultProfile.lostShare
            rules.publishedPrefix = "\(namespace).\(ExperimentLoad.type)."
            rules.random = SeededGenerator(seed: seed, topic: "lost publishes")
        }
        guard cell.mode == .tertib else {
            let connection = try PlainConnection(to: link.port)
            let codec = WireCodec(namespace: try Namespace(namespace))
            let start = ContinuousClock.now
            for (index, item) in load.published.enumerated() {
                try await Task.sleep(until: start + .seconds(Double(index) / Self.rate))
                try connection.publish(try item.message(codec), number: nil)
                _ = try connection.acknowledged()
            }
            // What is on its way still arrives.
            try await probe.waitForSilence()
            return
        }
        let owner = try await EventBus.open(configuration: path("owner"), logger: logger)
        group.addTask { try await owner.run() }
        let start = ContinuousClock.now
        for (index, item) in load.history.enumerated() {
            try await Task.sleep(until: start + .seconds(Double(index) / Self.rate))
            _ = try await owner.transaction { transaction in
                try transaction.stage(Moved(amount: item.amount), for: Aggregate(lab: ExperimentLoad.type, item.id))
            }
        }
        try await probe.waitUntilPublished(owner)
    }
}

/// Files and processes.
extension CellRun {
    private var namespace: String { "lab\(number)" }

    private func path(_ name: String) -> String { workspace.path("\(name)-\(number).json") }

    private func writeConfigurations() throws {
        let direct = "nats://127.0.0.1:\(brokerPort)"
        try workspace.write(configuration(direct, service: LabNames.service), to: "supervisor-\(number).json")
        for link in proxy.links.dropLast() {
            try workspace.write(
                configuration(link.url, service: LabNames.service), to: "replica\(link.number)-\(number).json")
        }
        let owner = proxy.links.last?.url ?? direct
        try workspace.write(configuration(owner, service: "owner"), to: "owner-\(number).json")
    }

    private func configuration(_ url: String, service: String) -> String {
        let isOwner = service == "owner"
        let consumers = """
            "\(LabNames.consumer)": { "aggregates": { "\(ExperimentLoad.type)": {} }, "acknowledgementWait": "\
            \(Int(ExperimentCell.acknowledgementWait / .milliseconds(1)))ms" }
            """
        return """
            {
              "service": "\(service)",
              "nats": { "servers": ["\(url)"] },
              "stream": { "name": "LAB\(number)", "namespace": "\(namespace)" },
              "store": { "kind": "sqlite", "path": "\(service)-\(number).sqlite" },
              "consumers": { \(isOwner ? "" : consumers) },
              "publishes": { \(isOwner ? "\"\(ExperimentLoad.type)\": \"outbox\"" : "") },
              "log": { "level": "error" }
            }
            """
    }

    private func process(_ replica: Int, _ tally: Tally) throws -> ManagedProcess {
        let name = "replica-\(replica + 1)"
        let arguments =
            LabWorker.verb + [
                "--config", path("replica\(replica)"), "--supervised", LabWorker.Option.way.rawValue,
                cell.mode.rawValue,
            ]
        return try ManagedProcess(
            name: name, program: ManagedProcess.Program(path: program) { _ in arguments },
            logFile: workspace.path("\(name)-\(number).log"),
            hear: { line, start in tally.hear(line, from: name, start: start) })
    }
}
