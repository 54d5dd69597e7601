import TertibRuntime
import TertibCore

extension PostgresTransaction {
    private static let selectWatermarks = """
        SELECT m.aggregate_type, m.aggregate_id, \(Watermark.columns)
        FROM unnest($2::text[], $3::text[]) AS w (aggregate_type, aggregate_id)
        JOIN tertib_watermark AS m ON m.consumer = $1
            AND m.aggregate_type = w.aggregate_type AND m.aggregate_id = w.aggregate_id
        """
    private static let writeWatermarks = """
        UPDATE tertib_watermark AS m SET version = w.version, event_id = w.event_id,
            stream_sequence = w.stream_sequence, parked = w.parked, status = w.status, generation = w.generation,
            updated_at = clock_timestamp()
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::text[],
            $9::bigint[]) AS w (
            aggregate_type, aggregate_id, version, event_id, stream_sequence, parked, status, generation)
        WHERE m.consumer = $1 AND m.aggregate_type = w.aggregate_type AND m.aggregate_id = w.aggregate_id
        """

    func watermarks(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [Aggregate: Watermark] {
        guard !aggregates.isEmpty else { return [:] }
        return try perform("read watermarks") {
            let rows = try runner.rows(
                Self.selectWatermarks, [.text(consumer.text)] + Parameter.keys(of: aggregates)
            ) { try Watermark($0, of: $0.aggregate(0), from: 2) }
            return Dictionary(rows.map { ($0.aggregate, $0) }) { first, _ in first }
        }
    }

    func write(_ consumer: ConsumerName, _ watermarks: [Watermark]) throws {
        guard !watermarks.isEmpty else { return }
        try perform("write watermarks") {
            let changed = try runner.execute(
                Self.writeWatermarks,
                [.text(consumer.text)] + Parameter.keys(of: watermarks.map(\.aggregate)) + [
                    .bigints(watermarks.map(\.version.number)), .texts(watermarks.map { $0.eventID?.text }),
                    .bigints(watermarks.map(\.streamSequence.column)), .bigints(watermarks.map { Int64($0.parked) }),
                    .texts(watermarks.map(\.status.rawValue)), .bigints(watermarks.map { Int64($0.generation) }),
                ])
            guard changed == Set(watermarks.map(\.aggregate)).count else {
                throw StoreError(
                    .corrupt, attempted: "write watermarks", reason: "a row that was claimed is gone",
                    advice: "Somebody has deleted it inside this transaction.")
            }
        }
    }
}

extension Watermark {
    /// The columns that ``init(_:of:from:)`` reads, in its order, of a table called `m`.
    static let columns = "m.version, m.event_id, m.stream_sequence, m.parked, m.status, m.generation, m.revision"

    init(_ row: ResultRow, of aggregate: Aggregate, from column: Int = 0) throws(StoreError) {
        self.init(
            aggregate: aggregate, version: try row.version(column), eventID: try row.optionalIdentity(column + 1),
            streamSequence: try row.sequence(column + 2), parked: Int(try row.integer(column + 3)),
            status: try row.word(column + 4), generation: Int(try row.integer(column + 5)),
            revision: try row.integer(column + 6))
    }
}

extension Parameter {
    /// Two arrays, types and ids.
    static func keys(of aggregates: [Aggregate]) -> [Parameter] {
        [.texts(aggregates.map(\.type.text)), .texts(aggregates.map(\.id.text))]
    }

    /// Two values, type and id.
    static func key(of aggregate: Aggregate) -> [Parameter] {
        [.text(aggregate.type.text), .text(aggregate.id.text)]
    }
}
