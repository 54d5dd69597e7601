import Tertib

/// The events that are measured with: each aggregate's versions in order, the aggregates in turn.
struct Load: Sendable {
    static let body = #"{"pieces":7,"note":"of the benchmark"}"#
    let aggregates: Int

    func aggregate(_ number: Int) throws -> Aggregate { try Aggregate(parsing: "item/item-\(number % aggregates)") }

    /// The message of the `number`-th event, from 0.
    func message(_ number: Int, _ codec: WireCodec) throws -> WireMessage {
        guard let version = AggregateVersion(Int64(number / aggregates + 1)) else {
            throw RawFailure(reason: "there are too many events")
        }
        return codec.encode(
            Envelope(
                id: try EventID("bench-\(number)"), source: try EventSource("/benchmarks"),
                type: try EventType("item.counted"), aggregate: try aggregate(number), version: version,
                time: Timestamp(microseconds: 1_772_366_400_000_000), body: Array(Self.body.utf8)))
    }

    /// Hands so many events to a publisher.
    func prepare(_ count: Int, namespace: String, for publisher: Raw.Publisher) throws {
        let codec = WireCodec(namespace: try Namespace(namespace))
        for number in 0..<count { try publisher.prepare(try message(number, codec)) }
    }
}
