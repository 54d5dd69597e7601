import TertibRuntime
import TertibCore

/// What there is to say about a stream: pure decisions over what the broker tells.
struct StreamExamination {
    let rules: StreamRules
    /// Whether this service writes events.
    let publishes: Bool
    /// The oldest server that told its version.
    let oldestServer: ServerVersion?

    /// Everything that is found, heaviest first.
    func findings(_ stream: StreamDescription) -> [Finding] {
        (safety(stream.config) + durability(stream) + history(stream) + room(stream) + cluster(stream))
            .sorted { $0.level < $1.level }
    }

    private func safety(_ config: JSONValue) -> [Finding] {
        var findings: [Finding] = []
        if let danger = rules.danger(in: config) {
            findings.append(Finding(.fail, "stream-safety", danger.reason, advice: danger.advice))
        }
        if let shortfall = rules.shortfall(of: config) {
            let level = rules.management == .check ? Finding.Level.fail : .info
            findings.append(Finding(level, "stream-shape", shortfall.reason, advice: shortfall.advice))
        }
        if !config["deny_delete"].bool || !config["deny_purge"].bool {
            findings.append(
                Finding(
                    .warn, "stream-deletion", "anyone with the rights may delete or purge single events",
                    advice: "Set deny_delete and deny_purge; neither can be unset later."))
        }
        return findings
    }

    private func durability(_ stream: StreamDescription) -> [Finding] {
        switch stream.replicas {
        case 1:
            return [
                Finding(
                    .warn, "stream-durability",
                    "it has one replica: a power cut may lose what the broker acknowledged since its last sync",
                    advice: "Use three replicas over separate failure zones, or sync_interval: always (server 2.10).")
            ]
        case 2:
            return [
                Finding(
                    .warn, "stream-durability", "two replicas tolerate no failure: one that is away stops all writes",
                    advice: "Use three.")
            ]
        default:
            let isEnforced = oldestServer.map { $0 >= .enforcesExpectationsOnReplicas } ?? false
            guard publishes, !isEnforced else { return [] }
            return [
                Finding(
                    .fail, "stream-expectations",
                    "its replicas do not enforce expected versions: a race may have several winners",
                    advice: "Upgrade every nats-server of the cluster to 2.9.21 or later.")
            ]
        }
    }

    private func history(_ stream: StreamDescription) -> [Finding] {
        var findings = rules.warnings(about: stream.config).map { Finding(.warn, "stream-history", $0) }
        if let window = StreamDescription.duration(stream.config["duplicate_window"]) {
            if window < .seconds(40) {
                findings.append(
                    Finding(
                        .warn, "stream-duplicates",
                        "its duplicate window of \(window) is shorter than twice the longest retry of a publish",
                        advice: "Set duplicate_window to two minutes."))
            } else if window > .seconds(3600) {
                findings.append(
                    Finding(
                        .warn, "stream-duplicates",
                        "its duplicate window of \(window) costs the broker about 230 bytes of memory an event",
                        advice: "Two minutes are enough: correctness does not rest on it."))
            }
        }
        let first = stream.state["first_seq"].unsigned ?? 0
        if first > 1 {
            findings.append(
                Finding(
                    .warn, "stream-trimmed",
                    "its history begins at sequence \(first): a new consumer cannot see all of it"))
        }
        let deleted = stream.state["num_deleted"].count
        if deleted > 0 {
            findings.append(Finding(.info, "stream-holes", "\(deleted) messages were removed from its middle"))
        }
        return findings
    }

    private func room(_ stream: StreamDescription) -> [Finding] {
        let limit = stream.config["max_bytes"].integer ?? -1
        guard limit > 0 else {
            return [
                Finding(
                    .warn, "stream-room", "it has no max_bytes: when the disk is full, the broker stops answering",
                    advice: "Set max_bytes, or max_file in the broker's configuration, below the size of the disk.")
            ]
        }
        let share = Double(stream.state["bytes"].unsigned ?? 0) / Double(limit)
        guard share > 0.8 else { return [] }
        return [
            Finding(
                share > 0.95 ? .fail : .warn, "stream-room", "it is \(Int(share * 100)) % full",
                advice: "Raise max_bytes: a full stream refuses every event.")
        ]
    }

    private func cluster(_ stream: StreamDescription) -> [Finding] {
        guard stream.cluster != .null, stream.replicas > 1 else { return [] }
        guard let leader = stream.cluster["leader"].text, !leader.isEmpty else {
            return [Finding(.fail, "stream-leader", "it has no leader", advice: "See `nats server report jetstream`.")]
        }
        return stream.cluster["replicas"].elements.compactMap { replica in
            let name = replica["name"].text ?? "a replica"
            if replica["offline"].bool { return Finding(.warn, "stream-replica", "its replica \(name) is offline") }
            if !replica["current"].bool {
                return Finding(
                    .warn, "stream-replica", "its replica \(name) is \(replica["lag"].count) operations behind")
            }
            return nil
        }
    }
}
