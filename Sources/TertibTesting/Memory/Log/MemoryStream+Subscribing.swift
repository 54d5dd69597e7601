import TertibRuntime
import TertibCore

extension MemoryStream {
    /// Finds or creates the durable consumer, and adds a receiver to it.
    mutating func subscribe(
        _ subscription: Subscription, management: ManagementMode, connection: Int, signal: ChangeSignal
    ) throws(EventLogError) -> Int {
        let attempted = "subscribe to \(subscription.durableName)"
        try bind(subscription, management: management, attempted: attempted)
        lastReceiver += 1
        receivers[lastReceiver] = Receiver(
            connection: connection, durable: subscription.durableName, streamCreatedAt: createdAt, signal: signal,
            pullLimit: max(1, subscription.pullLimit), byteLimit: max(1, subscription.byteLimit))
        rotation.append(lastReceiver)
        return lastReceiver
    }

    private mutating func bind(
        _ subscription: Subscription, management: ManagementMode, attempted: String
    ) throws(EventLogError) {
        guard var durable = durables[subscription.durableName] else {
            guard management == .create else {
                throw EventLogError(
                    .consumerGone, attempted: attempted, reason: "there is no durable consumer of that name",
                    advice: "Have an administrator create it.")
            }
            return create(subscription)
        }
        let owner = durable.subscription.storeID
        // A description without an id is accepted where an administrator wrote it.
        let isUnmarked = management == .check && owner.isEmpty
        guard owner == subscription.storeID || subscription.takesOver || isUnmarked else {
            throw EventLogError(
                .storeMismatch, attempted: attempted, reason: "it belongs to the database \(owner)",
                advice: "Give the consumer another name, or take it over.")
        }
        if management == .create, owner != subscription.storeID { return create(subscription) }
        let isSameFilter = durable.subscription.onlyType == subscription.onlyType
        let isNarrower = durable.subscription.onlyType != nil && !isSameFilter
        if isNarrower || (management == .check && !isSameFilter) {
            throw EventLogError(.unsafeConfiguration, attempted: attempted, reason: "its filter is another")
        }
        durable.subscription = subscription
        durable.filter = filter(of: subscription)
        durable.lookahead.removeAll { sequence in
            messages[sequence].map { !durable.filter.matches($0.message.subject) } ?? true
        }
        durables[subscription.durableName] = durable
        recount()
    }

    private func filter(of subscription: Subscription) -> SubjectFilter {
        SubjectFilter(subscription.onlyType.map { mapping.filter(for: $0) } ?? mapping.everything)
    }

    /// Creates a durable consumer that starts with the first message.
    mutating func create(_ subscription: Subscription) {
        var durable = MemoryDurable(subscription: subscription, filter: filter(of: subscription))
        durable.pending = count(matching: durable.filter, from: 1)
        durables[subscription.durableName] = durable
    }

    /// What came of a look at what has arrived.
    enum Taken {
        case deliveries([Delivery])
        /// Nothing; something may be due again at the time named.
        case nothing(nextDue: Duration?)
        case ended(EventLogError)
    }

    /// Asks for as much as there is room for, and takes what has arrived.
    mutating func take(_ limit: Int, for id: Int, at now: Duration) -> Taken {
        guard let receiver = receivers[id] else {
            return .ended(EventLogError(.closed, attempted: "receive", reason: "the subscription is closed"))
        }
        if let end = receiver.end { return .ended(end) }
        ask(id, at: now)
        var taken: [Delivery] = []
        var bytes = 0
        for next in (receivers[id]?.arrived ?? []).prefix(max(0, limit)) {
            guard taken.isEmpty || bytes + next.message.size <= receiver.byteLimit else { break }
            bytes += next.message.size
            taken.append(next)
        }
        receivers[id]?.arrived.removeFirst(taken.count)
        receivers[id]?.arrivedBytes -= bytes
        ask(id, at: now)
        guard taken.isEmpty else { return .deliveries(taken) }
        return .nothing(nextDue: isReachable(from: receiver.connection) ? durables[receiver.durable]?.nextDue : nil)
    }

    private mutating func ask(_ id: Int, at now: Duration) {
        guard let receiver = receivers[id] else { return }
        receivers[id]?.asked = max(0, receiver.pullLimit - receiver.arrived.count)
        deal(receiver.durable, at: now)
    }

    /// Applies an answer, or loses it.
    mutating func answer(_ answer: DeliveryAnswer, to delivery: Delivery, for id: Int, at now: Duration) {
        let sequence = delivery.sequence.number
        guard let receiver = receivers[id], isReachable(from: receiver.connection), exists,
            delivery.replyToken.hasPrefix("\(createdAt.microseconds).\(life).\(receiver.durable)."),
            !chance.happens(faults.answerLoss)
        else { return }
        switch answer {
        case .acknowledge:
            durables[receiver.durable]?.settle(sequence)
        case .negativeAcknowledge(let delay):
            durables[receiver.durable]?.postpone(sequence, until: now + delay)
            wakeReceivers(of: receiver.durable)
        case .inProgress:
            let wait = durables[receiver.durable]?.subscription.acknowledgementWait ?? .zero
            durables[receiver.durable]?.postpone(sequence, until: now + wait)
        }
        deal(receiver.durable, at: now)
    }

    /// Stops asking, and gives back what has arrived.
    mutating func suspend(_ id: Int) -> [Delivery] {
        let arrived = receivers[id]?.arrived ?? []
        receivers[id]?.asked = 0
        receivers[id]?.arrived = []
        receivers[id]?.arrivedBytes = 0
        return arrived
    }

    /// Forgets a receiver, as the server does when its connection ends; what it has is delivered again in time.
    mutating func drop(_ id: Int) {
        receivers[id] = nil
        rotation.removeAll { $0 == id }
    }

    func consumerState(_ name: String) -> LogConsumerState? {
        guard exists, let durable = durables[name] else { return nil }
        let waiting = rotation.filter { receivers[$0]?.durable == name && receivers[$0]?.asked ?? 0 > 0 }
        return LogConsumerState(
            pending: durable.pending, acknowledgementPending: durable.outstanding.count,
            acknowledgedFloor: StreamSequence(durable.floor), delivered: StreamSequence(durable.delivered),
            waiting: waiting.count, redelivered: durable.outstanding.values.filter { $0.attempts > 1 }.count,
            maxAcknowledgementPending: durable.subscription.maxAcknowledgementPending)
    }
}
