import TertibRuntime
import TertibCore
import TertibJetStream
import TertibSQLite
import TestServers

/// What is there after everything has come to rest, compared with what was promised.
struct ClusterVerdict: Sendable {
    /// How many events were promised.
    private(set) var promised = 0
    /// Everything that is not as it should be, in words.
    private(set) var violations: [String] = []

    private struct Stored: Sendable {
        let sequence: StreamSequence
        let envelope: Envelope
    }

    /// Waits until the copies have come to the last version of every aggregate, then looks at stream and database.
    init(of published: [Published], _ reader: ClusterService, cluster: NatsCluster) async throws {
        promised = published.count
        let histories = Dictionary(grouping: published, by: \.aggregate).mapValues { events in
            events.sorted { $0.version < $1.version }
        }
        for (aggregate, events) in histories {
            guard let last = events.last else { continue }
            try await reader.tertib.wait(
                for: VersionToken(aggregate: aggregate, version: last.version), consumer: ClusterService.consumer,
                timeout: .seconds(120))
        }
        let stored = try await Self.stored(cluster)
        for (aggregate, events) in histories {
            compare(events, with: stored[aggregate] ?? [], of: aggregate)
            try await compareCopy(events, of: aggregate, in: reader)
        }
        try await expectRest(in: reader)
    }

    /// Every event that the stream holds, in its order.
    private static func stored(_ cluster: NatsCluster) async throws -> [Aggregate: [Stored]] {
        let log = try await ClusterService.log(cluster)
        let last = try await log.state().lastSequence
        let source = try await log.subscribe(Subscription(durableName: "verdict", storeID: "verdict"))
        let codec = WireCodec(namespace: try Namespace("shop"))
        var events: [StreamSequence: Envelope] = [:]
        try await waitUntil("the whole stream to be read", within: .seconds(120)) {
            let arrived = try await source.next(upTo: 1000, waiting: .milliseconds(500))
            await source.answer(.acknowledge, to: arrived)
            for delivery in arrived { events[delivery.sequence] = try codec.decode(delivery.message) }
            return events.keys.max() == last && events.count == last.number
        }
        await source.close()
        await log.close()
        return Dictionary(grouping: events.map { Stored(sequence: $0, envelope: $1) }, by: \.envelope.aggregate)
            .mapValues { $0.sorted { $0.sequence < $1.sequence } }
    }

    /// Nothing lost that was acknowledged, each event once and in order.
    private mutating func compare(_ events: [Published], with stored: [Stored], of aggregate: Aggregate) {
        let versions = stored.map(\.envelope.version.number)
        if versions != events.map(\.version.number) {
            violations.append(
                "\(aggregate): the stream has \(Self.words(versions)), promised were \(events.count) versions")
        }
        let bySequence = Dictionary(stored.map { ($0.sequence, $0.envelope) }) { first, _ in first }
        for event in events {
            guard let receipt = event.receipt else { continue }
            let found = bySequence[receipt.sequence]
            if found?.id != receipt.eventID || found?.version != receipt.version {
                violations.append(
                    "\(aggregate)@\(event.version): its receipt's sequence \(receipt.sequence) has another")
            }
        }
    }

    private mutating func compareCopy(
        _ events: [Published], of aggregate: Aggregate, in reader: ClusterService
    ) async throws {
        let key = [SQLValue.text(aggregate.type.text), .text(aggregate.id.text)]
        let (copy, ledger) = try await reader.store.read { reader in
            (
                try reader.query("SELECT total, history FROM copy WHERE type = ? AND id = ?", arguments: key).first,
                try reader.query(
                    "SELECT version, amount FROM ledger WHERE type = ? AND id = ? ORDER BY version", arguments: key)
            )
        }
        let amounts = events.map(\.amount)
        let versions = events.map { String($0.version.number) }
        if copy?["total"].integer != CopyTables.total(of: amounts) {
            violations.append("\(aggregate): the copy has another total than its owner")
        }
        if copy?["history"].text != versions.joined(separator: " ") {
            violations.append("\(aggregate): the copy was not made in the order of the versions, each once")
        }
        if ledger.compactMap({ $0["amount"].integer }) != amounts {
            violations.append("\(aggregate): the ledger has \(ledger.count) rows of \(amounts.count)")
        }
    }

    /// Nothing waits, and nobody has given up on anything.
    private mutating func expectRest(in reader: ClusterService) async throws {
        let questions = [
            "SELECT count(*) AS n FROM tertib_parked", "SELECT count(*) AS n FROM tertib_dead_letter",
            "SELECT count(*) AS n FROM tertib_watermark WHERE status <> 'ok' OR parked <> 0",
        ]
        for question in questions {
            let count = try await reader.store.read {
                try $0.query(question, arguments: []).first?["n"].integer ?? -1
            }
            if count != 0 { violations.append("\(question): \(count)") }
        }
    }

    /// Runs of versions, such as `1 to 7, 7, 9 to 12`.
    private static func words(_ versions: [Int64]) -> String {
        var runs: [(Int64, Int64)] = []
        for version in versions {
            if let last = runs.last, last.1 + 1 == version {
                runs[runs.count - 1].1 = version
            } else {
                runs.append((version, version))
            }
        }
        return runs.map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0) to \($0.1)" }.joined(separator: ", ")
    }
}
