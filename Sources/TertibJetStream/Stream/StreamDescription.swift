import TertibRuntime
import TertibCore

/// What `STREAM.INFO` says.
struct StreamDescription: Sendable {
    let config: JSONValue
    let createdAt: Timestamp
    let state: JSONValue
    let cluster: JSONValue

    init?(_ answer: JSONValue) {
        guard let createdAt = answer["created"].text.flatMap({ Timestamp(rfc3339: $0) }) else { return nil }
        config = answer["config"]
        state = answer["state"]
        cluster = answer["cluster"]
        self.createdAt = createdAt
    }

    var subjects: [String] { config["subjects"].texts }
    var replicas: Int { max(1, config["num_replicas"].count) }
    var maximumAge: Duration? { Self.duration(config["max_age"]) }

    static func duration(_ nanoseconds: JSONValue) -> Duration? {
        guard let number = nanoseconds.integer, number > 0 else { return nil }
        return .nanoseconds(number)
    }

    var allowsDirectGet: Bool { config["allow_direct"].bool }

    func streamState(_ name: StreamName, enforcesExpectations: Bool) -> StreamState {
        let messages = state["messages"].unsigned ?? 0
        let last = state["last_seq"].unsigned ?? 0
        // A stream that never had a message says 0, one that was emptied says one above its last.
        let first = messages == 0 ? last + 1 : state["first_seq"].unsigned ?? 0
        return StreamState(
            name: name, createdAt: createdAt, messages: messages, firstSequence: StreamSequence(first),
            lastSequence: StreamSequence(last), deleted: state["num_deleted"].unsigned ?? 0,
            maximumAge: maximumAge, enforcesExpectations: enforcesExpectations)
    }
}
