import TertibRuntime
import TertibCore

/// What there is to say about a durable consumer: pure decisions over what the broker tells.
struct ConsumerExamination {
    let rules: ConsumerRules
    let management: ManagementMode
    let lastSequence: StreamSequence

    /// Everything that is found, heaviest first.
    func findings(_ consumer: ConsumerDescription?) -> [Finding] {
        let name = rules.subscription.durableName
        guard let consumer else {
            return [
                management == .check
                    ? Finding(
                        .fail, "consumer-missing", "\(name): the broker has no such JetStream consumer",
                        advice: "Let an administrator create it, or use \"manage\": \"create\".")
                    : Finding(.info, "consumer-missing", "\(name): it is created when the first replica starts")
            ]
        }
        return (settings(consumer) + work(consumer.state)).map { finding in
            Finding(finding.level, finding.check, "\(name): \(finding.message)", advice: finding.advice)
        }.sorted { $0.level < $1.level }
    }

    private func settings(_ consumer: ConsumerDescription) -> [Finding] {
        var findings: [Finding] = []
        if let danger = rules.danger(in: consumer.config) {
            findings.append(Finding(.fail, "consumer-safety", danger.reason, advice: danger.advice))
        }
        if let shortfall = rules.shortfall(of: consumer.config) {
            findings.append(
                Finding(
                    management == .check ? .fail : .warn, "consumer-shape", shortfall.reason, advice: shortfall.advice))
        }
        if !rules.subscription.storeID.isEmpty, let owner = consumer.storeID, owner != rules.subscription.storeID {
            findings.append(
                Finding(
                    .fail, "consumer-owner", "it belongs to the database \(owner), not to this one",
                    advice: "Use the right database, or `tertib replicate --take-over` if that one is gone for good."))
        }
        findings += rules.warnings(about: consumer.config).map { Finding(.warn, "consumer-setting", $0) }
        if let wait = consumer.acknowledgementWait, wait > .seconds(300) {
            findings.append(
                Finding(
                    .warn, "consumer-wait", "what a crashed replica had in hand is delivered again after \(wait) only"))
        }
        return findings
    }

    private func work(_ state: LogConsumerState) -> [Finding] {
        var findings: [Finding] = []
        if state.delivered > lastSequence {
            findings.append(
                Finding(
                    .fail, "consumer-ahead",
                    "it has delivered sequence \(state.delivered), and the stream ends at \(lastSequence): the stream "
                        + "was reset, or lost its tail"))
        }
        let limit = state.maxAcknowledgementPending
        if limit > 0, state.acknowledgementPending >= limit, state.pending > 0 {
            findings.append(
                Finding(
                    .fail, "consumer-stalled",
                    "\(state.acknowledgementPending) deliveries are not acknowledged, which is its limit: it delivers "
                        + "nothing more", advice: "See why the replicas do not finish; then raise maxAckPending."))
        } else if limit > 0, state.acknowledgementPending * 5 >= limit * 4 {
            findings.append(
                Finding(
                    .warn, "consumer-stalled",
                    "\(state.acknowledgementPending) of at most \(limit) deliveries are not acknowledged"))
        }
        if state.acknowledgementPending > 0, state.redelivered * 5 > state.acknowledgementPending {
            findings.append(
                Finding(
                    .warn, "consumer-redelivered",
                    "\(state.redelivered) of \(state.acknowledgementPending) unacknowledged deliveries came again",
                    advice: "Replicas crash, or take longer than the acknowledgement wait."))
        }
        if state.waiting == 0 {
            findings.append(
                Finding(
                    state.pending > 0 ? .warn : .info, "consumer-idle",
                    "no replica asks for events" + (state.pending > 0 ? ", and \(state.pending) wait" : "")))
        }
        return findings
    }
}
