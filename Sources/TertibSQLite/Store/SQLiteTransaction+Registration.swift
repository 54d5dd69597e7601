import TertibRuntime
import TertibCore

extension ConsumerRegistration {
    /// The columns that ``init(_:from:)`` reads, in its order.
    static let columns = "store_id, stream, stream_created_at, acknowledged_floor, generation"

    init(_ row: StatementRow, from column: Int = 0) throws(StoreError) {
        self.init(
            storeID: try row.text(column), stream: try row.identity(column + 1),
            streamCreatedAt: try row.time(column + 2), acknowledgedFloor: try row.sequence(column + 3),
            generation: Int(try row.integer(column + 4)))
    }

    fileprivate func arguments(_ consumer: ConsumerName, now: Timestamp) -> [any Bindable] {
        [
            consumer.text, storeID, stream.text, streamCreatedAt.description, acknowledgedFloor.column, generation,
            now.description,
        ]
    }
}

extension SQLiteTransaction {
    private static let insertConsumer = """
        INSERT INTO tertib_consumer (consumer, \(ConsumerRegistration.columns), updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """
    private static let selectConsumer = """
        SELECT \(ConsumerRegistration.columns) FROM tertib_consumer WHERE consumer = ?
        """

    func registration(
        _ consumer: ConsumerName, insertingIfAbsent fresh: ConsumerRegistration
    ) throws -> ConsumerRegistration {
        let now = try now()
        return try perform("register the consumer \(consumer)") {
            try runner.execute(
                Self.insertConsumer + " ON CONFLICT DO NOTHING", fresh.arguments(consumer, now: now))
            return try runner.first(Self.selectConsumer, [consumer.text]) { try ConsumerRegistration($0) } ?? fresh
        }
    }

    func writeRegistration(_ consumer: ConsumerName, _ registration: ConsumerRegistration) throws {
        let now = try now()
        try perform("write the consumer \(consumer)") {
            try runner.execute(
                Self.insertConsumer + """
                     ON CONFLICT (consumer) DO UPDATE SET store_id = excluded.store_id, stream = excluded.stream,
                        stream_created_at = excluded.stream_created_at,
                        acknowledged_floor = excluded.acknowledged_floor, generation = excluded.generation,
                        updated_at = excluded.updated_at
                    """, registration.arguments(consumer, now: now))
        }
    }
}
