import TertibRuntime
import TertibCore

/// What `CONSUMER.INFO` says.
struct ConsumerDescription: Sendable {
    let config: JSONValue
    let createdAt: Timestamp
    private let answer: JSONValue

    init?(_ answer: JSONValue) {
        guard let createdAt = answer["created"].text.flatMap({ Timestamp(rfc3339: $0) }) else { return nil }
        self.createdAt = createdAt
        self.answer = answer
        config = answer["config"]
    }

    /// Whether it is the consumer that was described before, and no other one under its name.
    ///
    /// The time of creation tells, give or take: nats-server 2.9 keeps one time in memory and writes a slightly later
    /// one to the disk, which it shows after a restart (330 microseconds later when measured). In a cluster up to 2.11
    /// each copy has a time of its own, that of a server that was away the time of its return, and the leader's is
    /// shown. There a consumer that begins where the stream begins and takes the same subjects is as good as the same:
    /// a new one would deliver everything once more.
    func isSame(as other: ConsumerDescription) -> Bool {
        let distance = createdAt.since(other.createdAt)
        if distance > .seconds(-1), distance < .seconds(1) { return true }
        let isWhole = [self, other].allSatisfy { $0.config["deliver_policy"].text == "all" }
        return isReplicated && isWhole
            && ["filter_subject", "filter_subjects"].allSatisfy { config[$0] == other.config[$0] }
    }

    private var isReplicated: Bool { !answer["cluster"]["replicas"].elements.isEmpty }

    /// The identity of the database that is written in the description.
    var storeID: String? { Self.storeID(in: config["description"].text ?? "") }

    var acknowledgementWait: Duration? { StreamDescription.duration(config["ack_wait"]) }

    var state: LogConsumerState {
        LogConsumerState(
            pending: answer["num_pending"].unsigned ?? 0, acknowledgementPending: answer["num_ack_pending"].count,
            acknowledgedFloor: StreamSequence(answer["ack_floor"]["stream_seq"].unsigned ?? 0),
            delivered: StreamSequence(answer["delivered"]["stream_seq"].unsigned ?? 0),
            waiting: answer["num_waiting"].count, redelivered: answer["num_redelivered"].count,
            maxAcknowledgementPending: config["max_ack_pending"].count)
    }

    private static let marker = "tertib store="

    static func storeID(in description: String) -> String? {
        guard let range = description.firstRange(of: marker) else { return nil }
        let id = description[range.upperBound...].prefix { !$0.isWhitespace && $0 != ";" }
        return id.isEmpty ? nil : String(id)
    }

    /// The description with `storeID` in it, and the rest as it was.
    static func description(_ old: String, naming storeID: String) -> String {
        guard let range = old.firstRange(of: marker) else {
            return old.isEmpty ? marker + storeID : "\(old); \(marker)\(storeID)"
        }
        let rest = old[range.upperBound...].drop { !$0.isWhitespace && $0 != ";" }
        return old[..<range.upperBound] + storeID + rest
    }
}
