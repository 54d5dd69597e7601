import TertibRuntime
package import TertibCore

/// Short ways to the values that the suites are written in.
package enum Sample {
    package static let instant = Timestamp(microseconds: 1_772_366_400_000_000)

    package static func consumer(_ name: String = "orders") throws -> ConsumerName { try ConsumerName(name) }

    package static func aggregate(_ id: String, type: String = "product") throws -> Aggregate {
        Aggregate(type: try AggregateType(type), id: try AggregateID(id))
    }

    package static func version(_ number: Int64) throws -> AggregateVersion {
        try Expect.some(AggregateVersion(number), "a version from 0 to 2^53 - 1")
    }

    /// `map`, kept out of line: Swift 6.3.1 crashes when it optimises a throwing `map` inside an async closure.
    @inline(never)
    package static func each<Element, Value>(
        _ elements: some Sequence<Element>, _ make: (Element) throws -> Value
    ) throws -> [Value] {
        try elements.map(make)
    }

    package static func event(_ id: String) throws -> EventID { try EventID(id) }

    /// A parked row that is told apart by its version alone.
    package static func parked(
        _ aggregate: Aggregate, _ number: Int64, event: String? = nil, reason: ParkReason = .gap,
        at time: Timestamp = instant, nextAttemptAt: Timestamp? = nil
    ) throws -> ParkedEvent {
        ParkedEvent(
            aggregate: aggregate, version: try version(number), eventID: try EventID(event ?? "event-\(number)"),
            streamSequence: StreamSequence(UInt64(number) + 1000), stored: Array("stored \(number)".utf8),
            reason: reason, parkedAt: time, attempts: reason == .retry ? 1 : 0, nextAttemptAt: nextAttemptAt,
            error: reason == .retry ? "the handler failed" : nil)
    }

    /// A dead letter of an aggregate, told apart by its stream sequence.
    package static func deadLetter(
        _ aggregate: Aggregate?, version: AggregateVersion?, sequence: UInt64, stream: Timestamp = instant,
        reason: DeadLetterReason = .failed, failedAt: Timestamp = instant, attempts: Int = 8
    ) throws -> DeadLetter {
        DeadLetter(
            id: "letter-\(stream.microseconds)-\(sequence)-\(attempts)", aggregate: aggregate, version: version,
            eventID: try version.map { try EventID("event-\($0)") }, streamCreatedAt: stream,
            streamSequence: StreamSequence(sequence), message: message("shop.product.\(sequence)"), reason: reason,
            error: "failed \(attempts) times", attempts: attempts, failedAt: failedAt)
    }

    package static func message(_ subject: String) -> WireMessage {
        WireMessage(subject: subject, headers: [HeaderField("ce-id", "some-id")], body: [0x7B, 0x00, 0xFF, 0x7D])
    }

    package static func outboxRow(
        _ aggregate: Aggregate, _ number: Int64, event: String? = nil, at time: Timestamp = instant
    ) throws -> OutboxRow {
        OutboxRow(
            aggregate: aggregate, version: try version(number),
            eventID: try EventID(event ?? "\(aggregate)-\(number)"), stored: Array("stored \(number)".utf8),
            stagedAt: time)
    }
}
