import TertibCore

/// What the tests speak about.
enum Samples {
    static func consumer(_ name: String = "orders") throws -> ConsumerName { try ConsumerName(name) }

    static func aggregate(_ id: String, type: String = "product") throws -> Aggregate {
        Aggregate(type: try AggregateType(type), id: try AggregateID(id))
    }

    static func version(_ number: Int64) throws -> AggregateVersion {
        guard let version = AggregateVersion(number) else { throw IdentityError("version", "is out of range") }
        return version
    }

    static func parked(
        _ aggregate: Aggregate, _ number: Int64, at time: Timestamp, event: String? = nil,
        reason: ParkReason = .gap, nextAttempt: Timestamp? = nil
    ) throws -> ParkedEvent {
        ParkedEvent(
            aggregate: aggregate, version: try version(number), eventID: try EventID(event ?? "event-\(number)"),
            streamSequence: StreamSequence(UInt64(number)), stored: Array("stored \(number)".utf8), reason: reason,
            parkedAt: time, nextAttemptAt: nextAttempt)
    }

    static func staged(_ aggregate: Aggregate, _ number: Int64, at time: Timestamp) throws -> OutboxRow {
        OutboxRow(
            aggregate: aggregate, version: try version(number), eventID: try EventID("event-\(number)"),
            stored: Array("stored \(number)".utf8), stagedAt: time)
    }
}
