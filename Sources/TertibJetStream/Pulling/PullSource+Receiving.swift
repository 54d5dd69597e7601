import Logging
import Synchronization
import TertibRuntime
import TertibCore

/// What arrives, on libnats' threads and the ticker's: nothing here waits.
extension PullSource {
    func follow(_ change: LinkChange) {
        switch change {
        case .up(let link):
            let isNew = state.withLock { state in
                guard state.link != link, link.number > state.newestLink else { return false }
                state.newestLink = link.number
                state.needsCheck = state.sessions > 0
                state.link = link
                return !state.isSuspended && !state.isClosed && state.failure == nil
            }
            if isNew { beginSession() }
        case .down:
            let waiting = state.withLock { state in
                state.link = nil
                state.session = nil
                state.machine.end()
                defer { state.drained = [] }
                return state.drained
            }
            waiting.forEach { $0.resume() }
        case .refused(let violation):
            if concernsThis(violation) { fail(violation.error) }
        case .tick:
            tick()
        }
    }

    private func concernsThis(_ violation: PermissionViolation) -> Bool {
        if violation.operation == .subscription {
            return state.withLock { $0.link.map { violation.subject.hasPrefix($0.inbox) } ?? false }
        }
        if violation.subject.hasSuffix(".CONSUMER.MSG.NEXT.\(log.api.stream).\(subscription.durableName)") {
            return true
        }
        return DeliverySubject(violation.subject).map(isOurs) ?? false
    }

    private func isOurs(_ subject: DeliverySubject) -> Bool {
        subject.consumer == subscription.durableName && subject.stream == log.api.stream.text
    }

    /// Subscribes anew and asks for deliveries.
    func beginSession() {
        let link = state.withLock { $0.link }
        guard let link else { return }
        let session = state.withLock { state in
            state.sessions += 1
            state.session = Session(number: state.sessions, link: link)
            state.machine.begin(largestMessage: link.maxPayload + 4096)
            return state.session
        }
        guard let session else { return }
        for slot in 0..<PullMachine.slotCount { subscribe(slot, of: session) }
        pump()
    }

    private func subscribe(_ slot: Int, of session: Session) {
        let subject = session.subject(number, slot: slot)
        let target = CallbackRegistry.shared.add(
            .messages(
                { [weak self] message in self?.receive(message, slot: slot, session: session.number, under: subject) },
                completed: { [weak self] in self?.completed(session.number) }))
        state.withLock { state in
            if state.session?.number == session.number { state.session?.targets.append(target) }
        }
        log.connection.enqueue(
            .subscribe(subject: "\(subject).*", target: target, link: session.link.number))
    }

    /// One of a session's subscriptions will bring nothing more.
    private func completed(_ session: Int) {
        let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.session?.number == session else { return [] }
            state.session?.completed += 1
            guard state.session?.isComplete == true else { return [] }
            if state.isSuspended { state.session = nil }
            defer { state.drained = [] }
            return state.drained
        }
        waiting.forEach { $0.resume() }
        wake()
    }

    private func receive(_ message: ReceivedMessage, slot: Int, session: Int, under prefix: String) {
        // Only a delivery has such a reply. A stored message may look like a status in every other way.
        if let reply = message.reply, let subject = DeliverySubject(reply), isOurs(subject) {
            deliver(message, reply, subject, slot: slot, session: session)
        } else if let token = UInt64(message.subject.dropFirst(prefix.count + 1)) {
            hear(PullStatus(HeaderBlock(message.headerBlock)), slot: slot, token: token, session: session)
        }
    }

    private func deliver(
        _ message: ReceivedMessage, _ reply: String, _ subject: DeliverySubject, slot: Int, session: Int
    ) {
        let delivery = Delivery(
            message: WireMessage(
                subject: message.subject, headers: HeaderBlock(message.headerBlock).storedFields, body: message.body),
            sequence: subject.sequence, attempt: subject.attempt, pending: subject.pending,
            storedAt: subject.storedAt, replyToken: reply)
        let size = message.size
        let now = now
        let effect = state.withLock { state -> Effect? in
            guard !state.isClosed, !state.isSuspended || state.session != nil else { return nil }
            state.buffer.append(Buffered(delivery: delivery, size: size))
            state.machine.arrived(
                slot: state.session?.number == session ? slot : nil, size: size, now: now)
            return state.effect(now: now)
        }
        guard let effect else { return send(.negativeAcknowledge(delay: .zero), to: [reply]) }
        perform(effect)
    }

    private func hear(_ status: PullStatus, slot: Int, token: UInt64, session: Int) {
        let now = now
        state.withLock { state in
            guard state.session?.number == session else { return }
            state.machine.heard(status, slot: slot, token: token, now: now)
            switch status {
            case .consumerDeleted:
                state.wasDeleted = true
                state.needsCheck = true
            // A newer server says at once that there is no such consumer; 2.9 is silent.
            case .rejected: state.needsCheck = true
            case .heartbeat, .ended, .tooFewBytes: break
            }
        }
        if case .rejected(let text) = status {
            log.logger.debug(
                "the broker ended a pull request",
                metadata: ["consumer": "\(subscription.durableName)", "status": "\(text)"])
        }
        pump()
    }

    /// Asks for as much as there is room for, and wakes those who wait.
    func pump() {
        let now = now
        perform(state.withLock { $0.effect(now: now) })
    }

    private func perform(_ effect: Effect) {
        effect.waiters.forEach { $0.resume() }
        if !effect.requests.isEmpty { send(effect.requests, of: effect.session) }
    }

    private func tick() {
        let now = now
        state.withLock { state in
            if state.machine.hasGoneSilent(now: now) { state.needsCheck = true }
        }
        extend()
        pump()
    }

    /// Deliveries that wait here are at work as far as the broker is concerned, as long as somebody takes them at all.
    private func extend() {
        let (extended, dropped) = state.withLock { state -> ([String], Int) in
            let now = ContinuousClock.now
            guard !state.buffer.isEmpty, now - state.lastExtended > acknowledgementWait / 3 else { return ([], 0) }
            state.lastExtended = now
            guard now - state.lastTaken > acknowledgementWait else {
                return (state.buffer.map(\.delivery.replyToken), 0)
            }
            let count = state.buffer.count
            state.isSuspended = true
            state.clearBuffer()
            return ([], count)
        }
        if !extended.isEmpty { send(.inProgress, to: extended) }
        if dropped > 0 {
            log.logger.warning(
                "nobody takes deliveries: they are left to be delivered again",
                metadata: ["consumer": "\(subscription.durableName)", "deliveries": "\(dropped)"])
            endSession()
        }
    }

    /// Ends the subscriptions after what was sent to them; the session stays until they are complete.
    func endSession() {
        let session = state.withLock { state in
            state.machine.end()
            return state.session
        }
        guard let session else { return }
        for target in session.targets { log.connection.enqueue(.drain(target: target, link: session.link.number)) }
    }

    func send(_ answer: DeliveryAnswer, to replies: [String]) {
        log.connection.enqueue(.answers(subjects: replies, body: answer.body))
    }
}

/// What follows from a change of state, done outside of the lock.
private struct Effect {
    let requests: [PullMachine.Request]
    let session: PullSource.Session?
    let waiters: [CheckedContinuation<Void, Never>]
}

extension PullSource.State {
    /// Whether there is a reason to look again for those who wait.
    var hasNews: Bool {
        failure != nil || isClosed || (needsCheck ? link != nil : !buffer.isEmpty)
    }

    mutating func clearBuffer() {
        machine.took(messages: buffer.count, bytes: buffer.reduce(0) { $0 + $1.size })
        buffer = []
    }

    fileprivate mutating func effect(now: Duration) -> Effect {
        let requests = machine.requests(now: now)
        var waiting: [CheckedContinuation<Void, Never>] = []
        if !waiters.isEmpty, hasNews {
            waiting = waiters.values.map(\.self)
            waiters = [:]
        }
        return Effect(requests: requests, session: requests.isEmpty ? nil : session, waiters: waiting)
    }
}

extension DeliveryAnswer {
    /// What JetStream wants to read.
    var body: [UInt8] {
        switch self {
        case .acknowledge: Array("+ACK".utf8)
        case .negativeAcknowledge(let delay):
            delay > .zero ? Array("-NAK {\"delay\": \(delay.nanoseconds)}".utf8) : Array("-NAK".utf8)
        case .inProgress: Array("+WPI".utf8)
        }
    }
}
