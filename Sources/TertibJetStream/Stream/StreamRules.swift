import TertibRuntime
import TertibCore

/// What the bus asks of a stream: pure decisions over its configuration.
struct StreamRules: Sendable {
    let name: StreamName
    let namespace: Namespace
    let replicas: Int
    let management: ManagementMode
    let shortestMaximumAge: Duration

    init(_ options: JetStreamOptions) {
        name = options.stream
        namespace = options.namespace
        replicas = options.replicas
        management = options.management
        shortestMaximumAge = options.shortestMaximumAge
    }

    private var everything: String { SubjectMapping(namespace: namespace).everything }

    /// The configuration of a stream that does not exist yet. Only fields that nats-server 2.9 knows: it drops others
    /// without a word, and 2.12 refuses what it does not know.
    var fresh: JSONValue {
        [
            "name": .string(name.text), "subjects": [.string(everything)], "retention": "limits", "storage": "file",
            "discard": "new", "num_replicas": .integer(Int64(replicas)), "allow_direct": true,
        ]
    }

    /// What an existing configuration becomes when this service may change it: only what the bus cannot do without, and
    /// nothing that somebody has set higher.
    func improved(_ config: JSONValue) -> JSONValue {
        var config = config
        let subjects = config["subjects"].texts
        if !subjects.contains(everything), !subjects.contains(">") {
            let kept = subjects.filter { !$0.hasPrefix("\(namespace).") }
            config["subjects"] = .array((kept + [everything]).map { .string($0) })
        }
        config["discard"] = "new"
        config["allow_direct"] = true
        if config["num_replicas"].count < replicas { config["num_replicas"] = .integer(Int64(replicas)) }
        return config
    }

    /// The first setting that would lose events, in words with what to do about it.
    func danger(in config: JSONValue) -> (reason: String, advice: String)? {
        let retention = config["retention"].text ?? "limits"
        if retention != "limits" {
            return (
                "its retention is \(retention): an event would vanish when one service has acknowledged it",
                "Use a stream with limits retention."
            )
        }
        if config["storage"].text == "memory" {
            return (
                "it is kept in memory: a restart of the broker loses every event", "Use a stream with file storage."
            )
        }
        let limits = ["max_msgs", "max_bytes"].filter { config[$0].count > 0 }
        if config["discard"].text != "new", management == .check || !limits.isEmpty {
            let cause =
                limits.isEmpty ? "at the first limit that is set" : "at its limit (\(limits.joined(separator: ", ")))"
            return ("it discards old events \(cause)", "Set discard to new.")
        }
        if config["max_msgs_per_subject"].count > 0, !config["discard_new_per_subject"].bool {
            return (
                "max_msgs_per_subject drops the oldest events of an aggregate",
                "Remove the limit, or set discard_new_per_subject."
            )
        }
        if let age = StreamDescription.duration(config["max_age"]), age < shortestMaximumAge {
            return (
                "it keeps events for \(age) only, which is shorter than the gap limit of \(shortestMaximumAge)",
                "Raise max_age, or lower the gap limit."
            )
        }
        if config["no_ack"].bool {
            return ("it acknowledges nothing (no_ack)", "Switch no_ack off.")
        }
        if config["persist_mode"].text == "async" {
            return ("it acknowledges before it has written (persist_mode async)", "Use the default persist_mode.")
        }
        return nil
    }

    /// What is missing in a stream that this service may only check.
    func shortfall(of config: JSONValue) -> (reason: String, advice: String)? {
        let subjects = config["subjects"].texts
        if !subjects.contains(where: { [everything, "\(namespace).*.*", ">"].contains($0) }) {
            return (
                "it takes the subjects \(subjects.joined(separator: ", ")), not \(everything)",
                "Add \(everything) to its subjects, or use \"manage\": \"create\"."
            )
        }
        let count = config["num_replicas"].count
        if count < replicas {
            return (
                "it has \(count) replicas, not \(replicas)",
                "Raise num_replicas, or lower stream.replicas in the configuration."
            )
        }
        return nil
    }

    /// What is worth a line in the log.
    func warnings(about config: JSONValue) -> [String] {
        var warnings: [String] = []
        if !config["allow_direct"].bool { warnings.append("direct get is off: repair asks the leader only") }
        if config["max_age"].count > 0 { warnings.append("max_age removes events: history can be trimmed") }
        if config["allow_rollup_hdrs"].bool { warnings.append("rollups are allowed: history can be trimmed") }
        if config["allow_msg_ttl"].bool { warnings.append("messages may expire: history can be trimmed") }
        return warnings
    }

    /// The fields that were asked for and are not there: a server drops what it does not know without a word.
    static func differences(asked: JSONValue, got: JSONValue) -> [String] {
        ["subjects", "retention", "storage", "discard", "num_replicas", "allow_direct"].filter { field in
            asked[field] != got[field]
        }
    }
}
