public import TertibRuntime
import TertibCore

extension JetStreamLog {
    /// Looks at broker, stream and durable consumers for what will bite; changes nothing.
    ///
    /// Whether this user may publish is tried with a message that the stream has to refuse, because it expects another
    /// stream's name.
    /// - Parameters:
    ///   - subscriptions: The durable consumers to look at; an empty store id is not compared.
    ///   - publishes: Whether this service writes events.
    /// - Returns: What was found. A broker that cannot be reached is a finding.
    public func examine(_ subscriptions: [Subscription], publishes: Bool) async -> [Finding] {
        do {
            try await waitUntilConnected(within: connection.options.connectTimeout * 3)
        } catch {
            return [Finding(.fail, "broker-connection", error.reason, advice: error.advice)]
        }
        let versions = await connection.serverVersions()
        var findings = examineServers(versions)
        findings += await examinePublishing(publishes)
        do {
            findings += try await examineStream(subscriptions, publishes: publishes, oldest: versions.values.min())
        } catch {
            findings.append(Finding(.fail, "stream-reading", error.reason, advice: error.advice))
        }
        return findings
    }

    private func examineServers(_ versions: [String: ServerVersion]) -> [Finding] {
        var findings = versions.sorted { $0.key < $1.key }.map { url, version in
            if version < ServerVersion(2, 9, 10) {
                return Finding(
                    .fail, "broker-version", "\(url) runs nats-server \(version)", advice: "Upgrade to 2.9.21 or later."
                )
            }
            if version >= ServerVersion(2, 10, 0), version < ServerVersion(2, 10, 23), connection.options.replicas > 1 {
                return Finding(
                    .warn, "broker-version",
                    "\(url) runs nats-server \(version), which can lose a replicated stream "
                        + "when it crashes", advice: "Upgrade to 2.10.23 or later.")
            }
            return Finding(.info, "broker-version", "\(url) runs nats-server \(version)")
        }
        if versions.isEmpty {
            findings.append(Finding(.info, "broker-version", "no server tells its version before TLS"))
        }
        return findings
    }

    private func examineStream(
        _ subscriptions: [Subscription], publishes: Bool, oldest: ServerVersion?
    ) async throws(EventLogError) -> [Finding] {
        let options = connection.options
        let attempted = "examine the stream \(api.stream)"
        let stream: StreamDescription
        switch try await api.call("STREAM.INFO.\(api.stream)", nil, attempted) {
        case .success(let answer):
            guard let description = StreamDescription(answer) else {
                throw EventLogError(.invalid, attempted: attempted, reason: "the answer describes no stream")
            }
            stream = description
        case .failure(let failure) where failure.errorCode == APIFailure.Known.streamNotFound:
            return [
                options.management == .check
                    ? Finding(
                        .fail, "stream-missing", "there is no stream \(api.stream)",
                        advice: "Let an administrator create it, or use \"manage\": \"create\".")
                    : Finding(.info, "stream-missing", "the stream \(api.stream) is created when the service starts")
            ]
        case .failure(let failure):
            throw failure.error(attempted)
        }
        var findings = StreamExamination(rules: StreamRules(options), publishes: publishes, oldestServer: oldest)
            .findings(stream)
        let last = StreamSequence(stream.state["last_seq"].unsigned ?? 0)
        for subscription in subscriptions {
            let description = try await consumer(subscription.durableName, "examine \(subscription.durableName)")
            findings += ConsumerExamination(
                rules: ConsumerRules(subscription, namespace: options.namespace), management: options.management,
                lastSequence: last
            ).findings(description)
        }
        return findings
    }

    /// Tries whether this user may publish. The stream refuses the message, so nothing is stored.
    private func examinePublishing(_ publishes: Bool) async -> [Finding] {
        let probe = OutgoingMessage(
            subject: "\(connection.options.namespace).__probe.__probe",
            headers: [HeaderField("Nats-Expected-Stream", "__probe__")])
        switch await connection.request(probe, within: connection.options.requestTimeout) {
        case .reply:
            guard !publishes else { return [] }
            return [
                Finding(
                    .warn, "broker-permissions", "this user may publish events, although the service publishes none",
                    advice: "Give the user the permissions of a consumer only.")
            ]
        case .noResponders:
            return []  // there is no stream yet: nothing can be said
        case .notSent(let error), .unanswered(let error):
            guard publishes, error.code == .notPermitted else { return [] }
            return [Finding(.fail, "broker-permissions", "this user may not publish", advice: error.reason)]
        }
    }
}
