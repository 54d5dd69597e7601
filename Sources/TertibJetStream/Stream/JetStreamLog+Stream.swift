import Logging
import Synchronization
import TertibRuntime
public import TertibCore

extension JetStreamLog {
    /// The stream as it is now, asked of its leader.
    public func state() async throws(EventLogError) -> StreamState {
        let description = try await description("read the state of the stream \(api.stream)")
        return description.streamState(
            api.stream, enforcesExpectations: await enforcesExpectations(replicas: description.replicas))
    }

    /// Makes sure that there is a stream which loses nothing: creates or updates it, or under ``ManagementMode/check``
    /// only compares.
    ///
    /// What is written is read back and compared, because a server drops fields that it does not know. What somebody
    /// else has set is kept.
    /// - Throws: ``EventLogError``: `unsafeConfiguration` names the setting that would lose events, `streamGone` a
    ///   stream that should be there, `notPermitted` what the user may not do.
    @discardableResult
    public func prepareStream() async throws(EventLogError) -> StreamState {
        let attempted = "prepare the stream \(api.stream)"
        let rules = StreamRules(connection.options)
        if rules.management == .create { try await createIfMissing(rules, attempted) }
        var description = try await description(attempted)
        if let danger = rules.danger(in: description.config) {
            throw EventLogError(
                .unsafeConfiguration, attempted: "use the stream \(api.stream)", reason: danger.reason,
                advice: danger.advice)
        }
        switch rules.management {
        case .create:
            let improved = rules.improved(description.config)
            if improved != description.config {
                description = try await update(to: improved, attempted)
            }
        case .check:
            if let shortfall = rules.shortfall(of: description.config) {
                throw EventLogError(
                    .unsafeConfiguration, attempted: "use the stream \(api.stream)", reason: shortfall.reason,
                    advice: shortfall.advice)
            }
        }
        for warning in rules.warnings(about: description.config) {
            logger.warning("a setting of the stream", metadata: ["stream": "\(api.stream)", "setting": "\(warning)"])
        }
        return description.streamState(
            api.stream, enforcesExpectations: await enforcesExpectations(replicas: description.replicas))
    }

    /// Replicas start together: whoever is second is told that the name is taken, or (under a narrower race) that its
    /// subjects overlap with the stream that the first one is just creating, which a moment later is there to be seen.
    private func createIfMissing(_ rules: StreamRules, _ attempted: String) async throws(EventLogError) {
        var waits: [Duration] = [.zero, .milliseconds(20), .milliseconds(100), .milliseconds(500)]
        while true {
            guard case .failure(let missing) = try await api.call("STREAM.INFO.\(api.stream)", nil, attempted) else {
                return
            }
            guard missing.errorCode == APIFailure.Known.streamNotFound else { throw missing.error(attempted) }
            switch try await api.call("STREAM.CREATE.\(api.stream)", rules.fresh, attempted) {
            case .success(let answer):
                let differences = StreamRules.differences(asked: rules.fresh, got: answer["config"])
                guard differences.isEmpty else { throw notAsAsked(differences, attempted) }
                logger.info("created the stream", metadata: ["stream": "\(api.stream)"])
                return
            case .failure(let failure):
                let isRace = [APIFailure.Known.streamNameInUse, APIFailure.Known.streamSubjectsOverlap]
                    .contains(failure.errorCode)
                guard isRace, !waits.isEmpty else { throw failure.error(attempted) }
                try await pause(waits.removeFirst(), attempted)
            }
        }
    }

    func pause(_ duration: Duration, _ attempted: String) async throws(EventLogError) {
        do {
            try await Task.sleep(for: duration)
        } catch {
            throw EventLogError(.closed, attempted: attempted, reason: "the task was cancelled")
        }
    }

    private func update(to config: JSONValue, _ attempted: String) async throws(EventLogError) -> StreamDescription {
        if case .failure(let failure) = try await api.call("STREAM.UPDATE.\(api.stream)", config, attempted) {
            throw failure.error(attempted)
        }
        let written = try await description(attempted)
        let differences = StreamRules.differences(asked: config, got: written.config)
        guard differences.isEmpty else { throw notAsAsked(differences, attempted) }
        logger.info("updated the stream", metadata: ["stream": "\(api.stream)"])
        return written
    }

    private func notAsAsked(_ fields: [String], _ attempted: String) -> EventLogError {
        EventLogError(
            .unsafeConfiguration, attempted: attempted,
            reason: "the server has not taken over \(fields.joined(separator: ", "))",
            advice: "The server may be too old, or its limits forbid it.")
    }

    func description(_ attempted: String) async throws(EventLogError) -> StreamDescription {
        switch try await api.call("STREAM.INFO.\(api.stream)", nil, attempted) {
        case .success(let answer):
            guard let description = StreamDescription(answer) else {
                throw EventLogError(.invalid, attempted: attempted, reason: "the answer describes no stream")
            }
            directGet.withLock { $0 = description.allowsDirectGet }
            return description
        case .failure(let failure):
            throw failure.error(attempted)
        }
    }
}
