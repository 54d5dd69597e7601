import Logging
public import TertibRuntime
public import TertibCore

extension JetStreamLog {
    /// The state of a durable consumer; `nil` when there is none of that name.
    public func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? {
        try await consumer(name, "read the state of the consumer \(name)")?.state
    }

    /// Creates (or finds and compares) the durable consumer, and starts to receive from it.
    ///
    /// - Throws: ``EventLogError``: `storeMismatch` when the durable consumer belongs to another database,
    ///   `unsafeConfiguration` when a setting would lose events, `consumerGone` when it should be there and is not.
    public func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        let description = try await prepareConsumer(subscription)
        let stream = try await self.description("read the stream \(api.stream)")
        let source = PullSource(
            self, subscription, consumer: description, streamCreatedAt: stream.createdAt)
        source.start()
        return source
    }

    func consumer(_ name: String, _ attempted: String) async throws(EventLogError) -> ConsumerDescription? {
        switch try await api.call("CONSUMER.INFO.\(api.stream).\(name)", nil, attempted) {
        case .success(let answer):
            guard let description = ConsumerDescription(answer) else {
                throw EventLogError(.invalid, attempted: attempted, reason: "the answer describes no consumer")
            }
            return description
        case .failure(let failure):
            if failure.errorCode == APIFailure.Known.consumerNotFound { return nil }
            throw failure.error(attempted)
        }
    }

    private func prepareConsumer(_ subscription: Subscription) async throws(EventLogError) -> ConsumerDescription {
        let name = subscription.durableName
        let attempted = "prepare the consumer \(name)"
        let rules = ConsumerRules(subscription, namespace: connection.options.namespace)
        guard let found = try await consumer(name, attempted) else {
            guard connection.options.management == .create else {
                throw EventLogError(
                    .consumerGone, attempted: attempted, reason: "the stream has no consumer of that name",
                    advice: "Let an administrator create it, or use \"manage\": \"create\".")
            }
            return try await write(rules.fresh, rules, attempted)
        }
        if let danger = rules.danger(in: found.config) {
            throw EventLogError(
                .unsafeConfiguration, attempted: "use the consumer \(name)", reason: danger.reason,
                advice: danger.advice)
        }
        try Self.checkStore(of: found, subscription)
        if connection.options.management == .create {
            if let owner = found.storeID, owner != subscription.storeID {
                return try await createAnew(rules, attempted)
            }
            if let narrowness = rules.narrowness(of: found.config) {
                throw EventLogError(
                    .unsafeConfiguration, attempted: "use the consumer \(name)", reason: narrowness.reason,
                    advice: narrowness.advice)
            }
            let wanted = rules.applied(to: found.config)
            return wanted == found.config ? found : try await write(wanted, rules, attempted)
        }
        if let shortfall = rules.shortfall(of: found.config) {
            throw EventLogError(
                .unsafeConfiguration, attempted: "use the consumer \(name)", reason: shortfall.reason,
                advice: shortfall.advice)
        }
        for warning in rules.warnings(about: found.config) {
            logger.warning("a setting of the consumer", metadata: ["consumer": "\(name)", "setting": "\(warning)"])
        }
        return found
    }

    /// Takes a consumer over: the new database has seen nothing of what was acknowledged for the old one, so everything
    /// is delivered again; what it has seen is stale there, and costs little.
    private func createAnew(
        _ rules: ConsumerRules, _ attempted: String
    ) async throws(EventLogError) -> ConsumerDescription {
        let name = rules.subscription.durableName
        logger.notice("the consumer is taken over, everything is delivered again", metadata: ["consumer": "\(name)"])
        if case .failure(let failure) = try await api.call("CONSUMER.DELETE.\(api.stream).\(name)", nil, attempted),
            failure.errorCode != APIFailure.Known.consumerNotFound
        {
            throw failure.error(attempted)
        }
        return try await write(rules.fresh, rules, attempted)
    }

    private func write(
        _ config: JSONValue, _ rules: ConsumerRules, _ attempted: String
    ) async throws(EventLogError) -> ConsumerDescription {
        let name = rules.subscription.durableName
        let body: JSONValue = ["stream_name": .string(api.stream.text), "config": config]
        let verb = "CONSUMER.DURABLE.CREATE.\(api.stream).\(name)"
        // A replica that starts at the same moment may have been faster: then what it wrote is there, and is compared.
        if case .failure(let failure) = try await api.call(verb, body, attempted),
            try await consumer(name, attempted) == nil
        {
            throw failure.error(attempted)
        }
        let written = try await written(name, attempted)
        // Two databases may have created it at the same moment: the one that reads back the other's id has lost.
        try Self.checkStore(of: written, rules.subscription)
        let differences = ConsumerRules.differences(asked: config, got: written.config)
        guard differences.isEmpty else {
            throw EventLogError(
                .unsafeConfiguration, attempted: attempted,
                reason: "the server has not taken over \(differences.joined(separator: ", "))",
                advice: "The server may be too old, or its limits forbid it.")
        }
        return written
    }

    /// The consumer as it was written. A cluster may take a moment until whoever is asked knows of it.
    private func written(_ name: String, _ attempted: String) async throws(EventLogError) -> ConsumerDescription {
        for wait in [Duration.milliseconds(20), .milliseconds(100), .milliseconds(500), .seconds(2)] {
            if let description = try await consumer(name, attempted) { return description }
            try await pause(wait, attempted)
        }
        guard let description = try await consumer(name, attempted) else {
            throw EventLogError(.consumerGone, attempted: attempted, reason: "it vanished right after its creation")
        }
        return description
    }

    static func checkStore(of consumer: ConsumerDescription, _ subscription: Subscription) throws(EventLogError) {
        guard let owner = consumer.storeID, owner != subscription.storeID, !subscription.takesOver else { return }
        throw EventLogError(
            .storeMismatch, attempted: "use the consumer \(subscription.durableName)",
            reason: "it belongs to the database \(owner), and this is \(subscription.storeID): each of the two would "
                + "see a random half of the events",
            advice: "Use the right database, or take the consumer over with --take-over if that one is gone for good.")
    }
}
