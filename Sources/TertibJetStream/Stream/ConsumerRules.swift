import TertibRuntime
import TertibCore

/// What a subscription asks of its durable consumer: pure decisions over its configuration.
struct ConsumerRules: Sendable {
    let subscription: Subscription
    let filter: String?

    init(_ subscription: Subscription, namespace: Namespace) {
        self.subscription = subscription
        filter = subscription.onlyType.map { SubjectMapping(namespace: namespace).filter(for: $0) }
    }

    /// The configuration of a consumer that does not exist yet. No delivery limit and no backoff: past a limit an event
    /// would be skipped without a word.
    var fresh: JSONValue {
        applied(
            to: [
                "durable_name": .string(subscription.durableName), "deliver_policy": "all", "replay_policy": "instant",
            ])
    }

    /// An existing configuration with what the subscription asks for.
    func applied(to config: JSONValue) -> JSONValue {
        var config = config
        config["ack_policy"] = "explicit"
        config["ack_wait"] = .integer(subscription.acknowledgementWait.nanoseconds)
        config["max_deliver"] = -1
        config["backoff"] = .null
        config["max_ack_pending"] = .integer(Int64(subscription.maxAcknowledgementPending))
        config["filter_subject"] = filter.map { .string($0) } ?? .null
        config["filter_subjects"] = .null
        config["description"] = .string(
            ConsumerDescription.description(config["description"].text ?? "", naming: subscription.storeID))
        return config
    }

    /// What no update can change and what would lose events.
    func danger(in config: JSONValue) -> (reason: String, advice: String)? {
        let recreate = "Delete the JetStream consumer \(subscription.durableName) and let it be created anew."
        if let subject = config["deliver_subject"].text, !subject.isEmpty {
            return ("it pushes to \(subject); a pull consumer is needed", recreate)
        }
        if let policy = config["ack_policy"].text, policy != "explicit" {
            return ("its ack policy is \(policy): an event would be lost with the replica that got it", recreate)
        }
        let policy = config["deliver_policy"].text ?? "all"
        guard ["all", "by_start_sequence"].contains(policy) else {
            return ("its deliver policy is \(policy): it leaves out events", recreate)
        }
        return nil
    }

    /// A filter that is not the wanted one: what it has left out so far would never come.
    func narrowness(of config: JSONValue) -> (reason: String, advice: String)? {
        guard let found = config["filter_subject"].text, !found.isEmpty, found != filter else { return nil }
        return (
            "it has received \(found) only: earlier events of the other types would never come",
            "Give the consumer another name, which starts with the first event, or delete the JetStream consumer "
                + "\(subscription.durableName)."
        )
    }

    /// What a consumer that may only be checked must have.
    func shortfall(of config: JSONValue) -> (reason: String, advice: String)? {
        let advice = "Change the JetStream consumer, or use \"manage\": \"create\"."
        let limit = config["max_deliver"].integer ?? -1
        if limit > 0 { return ("it gives an event up after \(limit) deliveries", "Set max_deliver to -1.") }
        if !config["backoff"].elements.isEmpty { return ("it has a backoff", "Remove backoff.") }
        let filters = config["filter_subject"].text.map { $0.isEmpty ? [] : [$0] } ?? config["filter_subjects"].texts
        guard filters == (filter.map { [$0] } ?? []) else {
            let found = filters.isEmpty ? "has no filter" : "filters \(filters.joined(separator: ", "))"
            return ("it \(found), but the configuration asks for \(filter ?? "every subject")", advice)
        }
        return nil
    }

    /// What is worth a line in the log.
    func warnings(about config: JSONValue) -> [String] {
        var warnings: [String] = []
        if config["ack_wait"].integer != subscription.acknowledgementWait.nanoseconds {
            warnings.append("ack_wait differs from the configured acknowledgementWait")
        }
        if config["max_ack_pending"].count != subscription.maxAcknowledgementPending {
            warnings.append("max_ack_pending differs from the configured maxAckPending")
        }
        if config["deliver_policy"].text == "by_start_sequence" {
            warnings.append("it begins in the middle of the stream (by_start_sequence)")
        }
        if ConsumerDescription.storeID(in: config["description"].text ?? "") == nil {
            warnings.append("its description names no database: another one could share it by accident")
        }
        return warnings
    }

    static func differences(asked: JSONValue, got: JSONValue) -> [String] {
        let fields = ["ack_policy", "ack_wait", "max_deliver", "max_ack_pending", "filter_subject", "description"]
        let missing = fields.filter { asked[$0] != got[$0] && !(asked[$0] == .null && got[$0].text == "") }
        return missing + ["filter_subjects", "backoff"].filter { !got[$0].elements.isEmpty }
    }
}
