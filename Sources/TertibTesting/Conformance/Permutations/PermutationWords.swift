import TertibRuntime
import TertibCore

/// How a permutation tells what it has seen: the same words for the same thing, in an order of their own.
enum PermutationWords {
    static func ordinal(_ index: Int) -> String { ["first", "second", "third"][index] }

    static func list(_ words: [String]) -> String {
        words.isEmpty ? "nothing" : words.sorted().joined(separator: "; ")
    }

    static func watermark(_ row: Watermark) -> String {
        "\(row.aggregate.id) at \(row.version), \(row.parked) parked, \(row.status.rawValue), revision \(row.revision)"
    }

    static func head(_ head: AggregateHead) -> String {
        "\(head.aggregate.id) at \(head.version), published \(head.publishedVersion) at \(head.streamSequence)"
    }

    static func outbox(_ row: OutboxRow) -> String {
        "\(row.aggregate.id)@\(row.version) \(row.eventID)"
    }

    static func samples(_ rows: [SQLRow]) -> String {
        list(
            rows.map { row in
                "\(row["id"].integer ?? -1): \(row["number"].integer ?? -1) by \(row["words"].text ?? "nobody")"
            })
    }

    /// Everything that is in the database at the end.
    static func state(of store: any ConsumerStore) async throws -> [String] {
        try await store.read { reader in
            let consumer = try Sample.consumer()
            var lines: [String] = []
            for id in ["a", "b"] {
                let aggregate = try Sample.aggregate(id)
                if let row = try reader.watermark(consumer, of: aggregate) {
                    lines.append("watermark " + watermark(row))
                }
                if let found = try reader.head(of: aggregate) { lines.append("head " + head(found)) }
                for row in try reader.outboxRows(of: aggregate, limit: 100).sorted(by: { $0.version < $1.version }) {
                    lines.append("outbox " + outbox(row))
                }
            }
            lines += try reader.parkedRows(consumer, of: nil, limit: 100).map { "parked \($0.aggregate)@\($0.version)" }
                .sorted()
            lines += try reader.query(ConformanceSQL.selectLedger, arguments: []).map { row in
                "effect \(row["aggregate_id"].text ?? "")@\(row["version"].integer ?? 0)"
            }
            lines += try reader.deadLetters(consumer, of: nil, limit: 100).map { "dead letter \($0.streamSequence)" }
                .sorted()
            lines.append("rows " + samples(try reader.query(ConformanceSQL.selectSample, arguments: [])))
            return lines
        }
    }
}
