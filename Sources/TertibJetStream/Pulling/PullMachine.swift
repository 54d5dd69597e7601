/// Decides what to ask the broker for: a pure machine.
///
/// Two requests are kept open, so that one is filled while the other one is on its way; together with what has arrived
/// and was not taken they never ask for more than the limits. Time is what the caller says.
struct PullMachine: Sendable {
    /// What bounds the requests.
    struct Limits: Hashable, Sendable {
        var messages: Int
        var bytes: Int
        /// The largest single request that the durable consumer takes.
        var requestMessages = Int.max
        var expiry = Duration.seconds(30)
        var heartbeat = Duration.seconds(5)
    }

    /// A request to send.
    struct Request: Hashable, Sendable {
        let slot: Int
        let token: UInt64
        let messages: Int
        let bytes: Int
        let expiry: Duration
        let heartbeat: Duration
    }

    private struct Open {
        let token: UInt64
        var messages: Int
        var bytes: Int
        var isUntouched = true
        var lastHeard: Duration
    }

    static let slotCount = 2

    let limits: Limits
    /// No request asks for fewer bytes than this: the largest message must fit.
    private(set) var smallestBytes: Int
    private var slots = [Open?](repeating: nil, count: slotCount)
    private var restsUntil = Duration.zero
    private var nextToken: UInt64 = 1
    private var rejections = 0
    private var bufferedMessages = 0
    private var bufferedBytes = 0
    private var isRunning = false

    init(_ limits: Limits) {
        self.limits = limits
        smallestBytes = 0
    }

    /// A new connection, or the end of a pause: nothing of before is open any more.
    mutating func begin(largestMessage: Int) {
        smallestBytes = max(smallestBytes, largestMessage)
        slots = [Open?](repeating: nil, count: Self.slotCount)
        isRunning = true
    }

    /// The connection is gone, or a pause begins.
    mutating func end() {
        isRunning = false
        slots = [Open?](repeating: nil, count: Self.slotCount)
    }

    /// A delivery has arrived and waits to be taken; `slot` is `nil` for one of before the last beginning.
    mutating func arrived(slot: Int?, size: Int, now: Duration) {
        bufferedMessages += 1
        bufferedBytes += size
        guard let slot, var open = slots[slot] else { return }
        rejections = 0
        open.messages -= 1
        open.bytes -= size
        open.isUntouched = false
        open.lastHeard = now
        slots[slot] = open.messages > 0 ? open : nil
    }

    /// Deliveries were taken.
    mutating func took(messages: Int, bytes: Int) {
        bufferedMessages -= messages
        bufferedBytes -= bytes
    }

    /// The broker said something about a request. Of an old request it means nothing.
    mutating func heard(_ status: PullStatus, slot: Int, token: UInt64, now: Duration) {
        guard var open = slots[slot], open.token == token else { return }
        switch status {
        case .heartbeat:
            open.lastHeard = now
            slots[slot] = open
        case .ended:
            rejections = 0
            slots[slot] = nil
        case .tooFewBytes:
            if open.isUntouched { smallestBytes = max(smallestBytes, open.bytes) * 2 }
            slots[slot] = nil
        case .rejected, .consumerDeleted:
            rejections += 1
            slots[slot] = nil
            restsUntil = now + min(.milliseconds(100) * (1 << min(rejections, 6)), .seconds(5))
        }
    }

    /// Whether a request has been silent for more than two heartbeats. It is given up, and asked for anew.
    mutating func hasGoneSilent(now: Duration) -> Bool {
        var isSilent = false
        for index in slots.indices {
            guard let open = slots[index], now - open.lastHeard > limits.heartbeat * 2 + .milliseconds(200) else {
                continue
            }
            isSilent = true
            slots[index] = nil
        }
        return isSilent
    }

    /// The requests that there is room for now.
    mutating func requests(now: Duration) -> [Request] {
        guard isRunning, restsUntil <= now else { return [] }
        var requests: [Request] = []
        for index in slots.indices where slots[index] == nil {
            guard let (messages, bytes) = room() else { break }
            slots[index] = Open(token: nextToken, messages: messages, bytes: bytes, lastHeard: now)
            requests.append(
                Request(
                    slot: index, token: nextToken, messages: messages, bytes: bytes, expiry: limits.expiry,
                    heartbeat: limits.heartbeat))
            nextToken += 1
        }
        return requests
    }

    /// How much the next request may ask for. A small remainder waits until there is more room, unless nothing else is
    /// open: many tiny requests cost more than they bring.
    private func room() -> (messages: Int, bytes: Int)? {
        let open = slots.compactMap(\.self)
        let share = min((limits.messages + 1) / 2, limits.requestMessages)
        let messages = min(share, limits.messages - bufferedMessages - open.reduce(0) { $0 + $1.messages })
        guard messages >= 1, open.isEmpty || messages * 2 >= share else { return nil }
        let free = limits.bytes - bufferedBytes - open.reduce(0) { $0 + max(0, $1.bytes) }
        let bytes = max(smallestBytes, min(free, limits.bytes / 2))
        guard bytes <= free || (open.isEmpty && bufferedMessages == 0) else { return nil }
        return (messages, bytes)
    }
}
