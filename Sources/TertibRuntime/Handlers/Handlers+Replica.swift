import TertibCore

extension Handlers {
    /// The statement that keeps `tertib_replica`: aggregate type, aggregate id, version, event type, data.
    public static let replicaStatement = """
        INSERT INTO tertib_replica (aggregate_type, aggregate_id, version, event_type, data) VALUES (?, ?, ?, ?, ?) \
        ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET version = excluded.version, \
        event_type = excluded.event_type, data = excluded.data
        """

    /// Keeps the newest event's payload of every aggregate in `tertib_replica`, for services in any language.
    public static var replica: Handlers {
        var handlers = Handlers()
        handlers.onAnyOther { envelope, transaction in
            try transaction.enqueue(
                replicaStatement, envelope.aggregate.type.text, envelope.aggregate.id.text, envelope.version.number,
                envelope.type.text, String(decoding: envelope.body, as: UTF8.self))
        }
        return handlers
    }
}
