import TertibCore

/// What the tests speak about.
enum Sample {
    static func version(_ number: Int64) throws -> AggregateVersion {
        guard let version = AggregateVersion(number) else { throw IdentityError("version", "is out of range") }
        return version
    }

    static func parked(_ aggregate: Aggregate, _ number: Int64) throws -> ParkedEvent {
        ParkedEvent(
            aggregate: aggregate, version: try version(number), eventID: try EventID("event-\(number)"),
            streamSequence: StreamSequence(UInt64(number)), stored: Array("stored \(number)".utf8), reason: .gap,
            parkedAt: Timestamp(microseconds: 1_800_000_000_000_000))
    }
}
