import Dispatch
import Synchronization
import TertibRuntime
import TertibCore

/// The port's side: what the consumer calls.
extension PullSource {
    private enum Step {
        case deliver([Delivery])
        case check
        case wait
    }

    func next(upTo limit: Int, waiting wait: Duration) async throws(EventLogError) -> [Delivery] {
        let deadline = ContinuousClock.now + wait
        while true {
            switch try step(limit) {
            case .deliver(let deliveries):
                pump()
                return deliveries
            case .check:
                if !(try await check()) { await sleep(until: deadline) }
            case .wait:
                await waitForChange(until: deadline)
            }
            if Task.isCancelled { return [] }
            if ContinuousClock.now >= deadline {
                guard case .deliver(let deliveries) = try step(limit) else { return [] }
                pump()
                return deliveries
            }
        }
    }

    private func step(_ limit: Int) throws(EventLogError) -> Step {
        let (step, resumes) = state.withLock { state -> (Result<Step, EventLogError>, Bool) in
            if state.isClosed { return (.failure(closedError), false) }
            if let failure = state.failure { return (.failure(failure), false) }
            state.lastTaken = .now
            let resumes = state.isSuspended && state.session == nil
            if resumes { state.isSuspended = false }
            if state.needsCheck { return (.success(state.link == nil ? .wait : .check), resumes) }
            let taken = Self.take(upTo: limit, bytes: subscription.byteLimit, from: &state)
            return (.success(taken.isEmpty ? .wait : .deliver(taken)), resumes)
        }
        if resumes { beginSession() }
        return try step.get()
    }

    private var closedError: EventLogError {
        EventLogError(.closed, attempted: "receive from \(subscription.durableName)", reason: "it was closed")
    }

    private static func take(upTo limit: Int, bytes: Int, from state: inout State) -> [Delivery] {
        var size = 0
        var count = 0
        for item in state.buffer.prefix(max(1, limit)) {
            if count > 0, size + item.size > bytes { break }
            size += item.size
            count += 1
        }
        let taken = state.buffer.prefix(count).map(\.delivery)
        state.buffer.removeFirst(count)
        state.machine.took(messages: count, bytes: size)
        return taken
    }

    /// Waits until something has changed, the deadline has passed, or the task is cancelled.
    private func waitForChange(until deadline: ContinuousClock.Instant) async {
        let left = deadline - .now
        guard left > .zero else { return }
        let waiter = state.withLock { state in
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.hasNews || Task.isCancelled { return true }
                    state.waiters[waiter] = continuation
                    return false
                }
                if isOver { return continuation.resume() }
                // A timer and no task: it finds nobody when the news came first, and nothing has to be cancelled.
                DispatchQueue.global().asyncAfter(deadline: .now() + left.timeInterval) { [weak self] in
                    self?.wake(waiter)
                }
            }
        } onCancel: {
            wake(waiter)
        }
    }

    private func wake(_ waiter: Int) {
        state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume()
    }

    /// A wait that nothing but cancellation shortens, for when the broker cannot be asked.
    private func sleep(until deadline: ContinuousClock.Instant) async {
        // Cancellation is looked at by the caller.
        try? await Task.sleep(until: min(deadline, .now + .milliseconds(250)), clock: .continuous)
    }

    /// Asks whether the consumer is still the one that was subscribed to.
    /// - Returns: whether the broker has answered.
    private func check() async throws(EventLogError) -> Bool {
        let name = subscription.durableName
        let attempted = "receive from the consumer \(name)"
        do throws(EventLogError) {
            guard try await log.description(attempted).createdAt == streamCreatedAt else {
                throw EventLogError(
                    .streamGone, attempted: attempted, reason: "the stream was deleted and created again",
                    advice: "Positions in the old stream mean nothing in the new one: rebuild the consumer.")
            }
            guard let consumer = try await log.consumer(name, attempted) else {
                throw EventLogError(
                    .consumerGone, attempted: attempted, reason: "the JetStream consumer was deleted",
                    advice: "Start the service again to create it anew; every event is then delivered once more.")
            }
            var own = subscription
            own.takesOver = false
            try JetStreamLog.checkStore(of: consumer, own)
            guard isTheSame(consumer) else {
                throw EventLogError(
                    .consumerGone, attempted: attempted,
                    reason: "the JetStream consumer was deleted and created again",
                    advice: "Start the service again to receive from the new one.")
            }
            state.withLock { $0.needsCheck = false }
            return true
        } catch {
            if error.isRetriable { return false }
            fail(error)
            throw error
        }
    }

    private func isTheSame(_ found: ConsumerDescription) -> Bool {
        !state.withLock { $0.wasDeleted } && found.isSame(as: consumer)
    }

    func answer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) async {
        guard !deliveries.isEmpty else { return }
        send(answer, to: deliveries.map(\.replyToken))
    }

    func suspend() async -> [Delivery] {
        state.withLock { $0.isSuspended = true }
        endSession()
        await waitUntilDrained()
        // A look at the consumer makes the server forget the requests that have ended. Without it 2.9 takes the first
        // negative acknowledgement that follows for them, and delivers that message only after the whole wait.
        if state.withLock({ $0.failure == nil && $0.link != nil }) {
            // The answer does not matter, and no answer leads to a later redelivery only.
            _ = try? await log.consumer(subscription.durableName, "end the requests of \(subscription.durableName)")
        }
        return state.withLock { state in
            let untaken = state.buffer.map(\.delivery)
            state.clearBuffer()
            state.session = nil
            return untaken
        }
    }

    func close() async {
        let untaken = await suspend()
        let listener = state.withLock { state in
            defer { state.listener = nil }
            state.isClosed = true
            return state.listener
        }
        if let listener { log.connection.forget(listener) }
        wake()
        await answer(.negativeAcknowledge(delay: .zero), to: untaken)
        _ = await log.connection.flush()
    }

    /// Waits until every subscription of the session is complete; a broker that does not answer ends the wait, too.
    private func waitUntilDrained() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                guard let session = state.session, !session.isComplete else { return true }
                state.drained.append(continuation)
                return false
            }
            if isOver { return continuation.resume() }
            let limit = log.connection.options.connectTimeout.timeInterval
            // A timer and no task: when the drain is complete by then, it finds nobody.
            DispatchQueue.global().asyncAfter(deadline: .now() + limit) { [weak self] in self?.giveUpDraining() }
        }
    }

    private func giveUpDraining() {
        let waiting = state.withLock { state in
            defer { state.drained = [] }
            return state.drained
        }
        waiting.forEach { $0.resume() }
    }
}
