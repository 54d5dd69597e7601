import Tertib
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

    func streamState(_ name: StreamName, enforcesExpectations: Bool) -> StreamState {
        StreamState(
            name: name, createdAt: createdAt, messages: state["messages"].unsigned ?? 0,
            firstSequence: StreamSequence(state["first_seq"].unsigned ?? 0),
            lastSequence: StreamSequence(state["last_seq"].unsigned ?? 0), deleted: state["num_deleted"].unsigned ?? 0,
            replicas: replicas, maximumAge: maximumAge, enforcesExpectations: enforcesExpectations)
    }
}
