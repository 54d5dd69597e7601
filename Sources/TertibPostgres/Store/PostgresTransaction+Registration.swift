import TertibRuntime
import TertibCore

extension ConsumerRegistration {
    /// The columns that ``init(_:from:)`` reads, in its order.
    static let columns = "store_id, stream, stream_created_at, acknowledged_floor, generation"

    init(_ row: ResultRow, from column: Int = 0) throws(StoreError) {
        self.init(
            storeID: try row.text(column), stream: try row.identity(column + 1),
            streamCreatedAt: try row.time(column + 2), acknowledgedFloor: try row.sequence(column + 3),
            generation: Int(try row.integer(column + 4)))
    }

    fileprivate func values(_ consumer: ConsumerName) -> [Parameter] {
        [
            .text(consumer.text), .text(storeID), .text(stream.text), .time(streamCreatedAt),
            .bigint(acknowledgedFloor.column), .bigint(generation),
        ]
    }
}

extension PostgresTransaction {
    private static let insertConsumer = """
        INSERT INTO tertib_consumer (consumer, \(ConsumerRegistration.columns), updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())
        """
    private static let orKeepConsumer = " ON CONFLICT DO NOTHING"
    private static let orReplaceConsumer = """
         ON CONFLICT (consumer) DO UPDATE SET store_id = excluded.store_id, stream = excluded.stream,
            stream_created_at = excluded.stream_created_at, acknowledged_floor = excluded.acknowledged_floor,
            generation = excluded.generation, updated_at = excluded.updated_at
        """
    private static let selectConsumer = """
        SELECT \(ConsumerRegistration.columns) FROM tertib_consumer WHERE consumer = $1
        """

    func registration(
        _ consumer: ConsumerName, insertingIfAbsent fresh: ConsumerRegistration
    ) throws -> ConsumerRegistration {
        try perform("register the consumer \(consumer)") {
            try runner.execute(Self.insertConsumer + Self.orKeepConsumer, fresh.values(consumer))
            return try runner.first(Self.selectConsumer, [.text(consumer.text)]) { try ConsumerRegistration($0) }
                ?? fresh
        }
    }

    func writeRegistration(_ consumer: ConsumerName, _ registration: ConsumerRegistration) throws {
        try perform("write the consumer \(consumer)") {
            try runner.execute(Self.insertConsumer + Self.orReplaceConsumer, registration.values(consumer))
        }
    }
}
