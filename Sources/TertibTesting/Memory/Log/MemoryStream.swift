import TertibRuntime
import TertibCore

/// A stream with its durable consumers and everybody who receives from them: a value that ``MemoryBroker`` guards.
struct MemoryStream {
    /// One replica's receiving end.
    struct Receiver {
        let connection: Int
        let durable: String
        /// The stream that it was subscribed to.
        let streamCreatedAt: Timestamp
        let signal: ChangeSignal
        let pullLimit: Int
        let byteLimit: Int
        /// How many more deliveries it has asked for.
        var asked = 0
        /// What has arrived and was not taken.
        var arrived: [Delivery] = []
        var arrivedBytes = 0
        /// Why nothing will ever arrive again.
        var end: EventLogError?
    }

    let name: StreamName
    let mapping: SubjectMapping
    var settings: MemoryStreamSettings
    var faults = MemoryLogFaults()
    var chance: MemoryChance
    /// Is told of each message that is stored.
    var onStored: (@Sendable (LoggedMessage) -> Void)?
    var createdAt: Timestamp
    /// How often it has lost its end.
    var life = 0
    var exists = true
    var isAvailable = true
    var cutOff: Set<Int> = []
    var messages = MemoryMessages()
    var ids: [[UInt8]: (sequence: UInt64, storedAt: Duration)] = [:]
    var durables: [String: MemoryDurable] = [:]
    var receivers: [Int: Receiver] = [:]
    /// The receivers, the one that is served next first.
    var rotation: [Int] = []
    var lastReceiver = 0
    /// Whom to tell, once the lock is free.
    private(set) var toNotify: [ChangeSignal] = []

    init(
        name: StreamName, namespace: Namespace, settings: MemoryStreamSettings, chance: MemoryChance,
        createdAt: Timestamp
    ) {
        self.name = name
        mapping = SubjectMapping(namespace: namespace)
        self.settings = settings
        self.chance = chance
        self.createdAt = createdAt
    }

    mutating func takeNotifications() -> [ChangeSignal] {
        defer { toNotify = [] }
        return toNotify
    }

    func isReachable(from connection: Int) -> Bool { isAvailable && !cutOff.contains(connection) }

    var state: StreamState {
        StreamState(
            name: name, createdAt: createdAt, messages: UInt64(messages.count),
            firstSequence: StreamSequence(messages.first), lastSequence: StreamSequence(messages.last),
            deleted: messages.deleted, maximumAge: settings.maximumAge,
            enforcesExpectations: settings.enforcesExpectations)
    }

    // MARK: - Delivering

    /// Deals what can be delivered to those who have asked, one by one and in turn: what is due again first.
    mutating func deal(_ name: String, at now: Duration) {
        // Taken out while it is changed, so that it is not copied.
        guard exists, var durable = durables.removeValue(forKey: name) else { return }
        defer { durables[name] = durable }
        while let receiver = nextReceiver(of: name) {
            let again = durable.takeDue(at: now)
            guard let sequence = again ?? nextNew(&durable) else { break }
            guard let logged = messages[sequence] else {
                durable.settle(sequence)
                continue
            }
            let isDoubled = again == nil && chance.happens(faults.duplication)
            let due = isDoubled ? now : now + durable.subscription.acknowledgementWait
            let attempt = durable.noteDelivery(of: sequence, due: due)
            hand(
                Delivery(
                    message: logged.message, sequence: logged.sequence, attempt: attempt, pending: durable.pending,
                    storedAt: logged.storedAt,
                    replyToken: "\(createdAt.microseconds).\(life).\(name).\(sequence).\(attempt)"),
                to: receiver)
        }
    }

    private mutating func hand(_ delivery: Delivery, to receiver: Int) {
        receivers[receiver]?.asked -= 1
        receivers[receiver]?.arrived.append(delivery)
        receivers[receiver]?.arrivedBytes += delivery.message.size
        if let signal = receivers[receiver]?.signal { toNotify.append(signal) }
        rotation.removeAll { $0 == receiver }
        rotation.append(receiver)
    }

    private func nextReceiver(of durable: String) -> Int? {
        rotation.first { id in
            guard let receiver = receivers[id], receiver.durable == durable, receiver.asked > 0,
                receiver.streamCreatedAt == createdAt
            else { return false }
            let hasRoom = receiver.arrived.isEmpty || receiver.arrivedBytes < receiver.byteLimit
            return hasRoom && isReachable(from: receiver.connection)
        }
    }

    /// The next message that was never delivered, if the limit of unanswered ones allows it.
    private mutating func nextNew(_ durable: inout MemoryDurable) -> UInt64? {
        guard durable.outstanding.count < durable.subscription.maxAcknowledgementPending else { return nil }
        let window = max(1, faults.shuffleWindow)
        while durable.lookahead.count < window, durable.cursor <= messages.last {
            let sequence = durable.cursor
            durable.cursor += 1
            if let message = messages[sequence]?.message, durable.filter.matches(message.subject),
                !durable.skipped.contains(sequence)
            {
                durable.lookahead.append(sequence)
            }
        }
        guard !durable.lookahead.isEmpty else { return nil }
        let last = min(window, durable.lookahead.count) - 1
        let index = chance.index(upTo: last)
        durable.pending -= 1
        return durable.lookahead.remove(at: index)
    }

    /// Has every receiver of a durable consumer look again: something may be due earlier.
    mutating func wakeReceivers(of durable: String) {
        for id in rotation where receivers[id]?.durable == durable {
            if let signal = receivers[id]?.signal { toNotify.append(signal) }
        }
    }

    mutating func endReceivers(of durable: String?, with error: EventLogError) {
        for id in rotation where durable == nil || receivers[id]?.durable == durable { endReceiver(id, with: error) }
    }

    mutating func endReceiver(_ id: Int, with error: EventLogError) {
        receivers[id]?.end = error
        receivers[id]?.asked = 0
        receivers[id]?.arrived = []
        if let signal = receivers[id]?.signal { toNotify.append(signal) }
    }
}

extension WireMessage {
    /// The bytes of headers and body.
    var size: Int { headers.reduce(body.count) { $0 + $1.name.count + $1.value.count + 4 } }
}
