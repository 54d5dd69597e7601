import TertibCore
import Glibc
import ShopService
import TertibCore

/// The thread of a proxy: every socket is touched here only.
final class ProxyLoop {
    private let listeners: [Socket]
    private let serverPort: Int
    private let language: NetworkProxy.Language
    private let waker: WakePipe
    private unowned let proxy: NetworkProxy
    private var connections: [ProxyConnection] = []
    /// The rules as they were at the beginning of this turn.
    private var lines: [LinkRules.Line] = []
    private var now = ContinuousClock.now

    init(
        listeners: [Socket], serverPort: Int, language: NetworkProxy.Language, waker: WakePipe, proxy: NetworkProxy
    ) {
        self.listeners = listeners
        self.serverPort = serverPort
        self.language = language
        self.waker = waker
        self.proxy = proxy
    }

    /// Relays until the proxy is stopped.
    func run() {
        while beginTurn() {
            var entries = [entry(waker.descriptor, POLLIN)] + listeners.map { entry($0.descriptor, POLLIN) }
            for connection in connections {
                entries.append(entry(connection.client.descriptor, interest(in: connection, towardsServer: false)))
                entries.append(
                    entry(connection.server?.descriptor ?? -1, interest(in: connection, towardsServer: true)))
            }
            _ = poll(&entries, nfds_t(entries.count), timeout())
            now = .now
            // What has changed during the wait counts for what has come during it.
            lines = proxy.withShared { $0.rules.map(\.line) }
            if entries[0].revents != 0 { waker.clear() }
            let known = connections
            for (index, listener) in listeners.enumerated() where entries[1 + index].revents != 0 {
                accept(listener, on: index)
            }
            for (index, connection) in known.enumerated() {
                let place = 1 + listeners.count + 2 * index
                relay(connection, client: entries[place].revents, server: entries[place + 1].revents)
            }
        }
        connections = []
    }

    /// Takes over the rules. Returns whether there is another turn.
    private func beginTurn() -> Bool {
        let (toClose, isStopped) = proxy.withShared { shared in
            lines = shared.rules.map(\.line)
            defer { shared.toClose = [] }
            return (shared.toClose, shared.isStopped)
        }
        connections.removeAll { toClose.contains($0.link) }
        for connection in connections where lines[connection.link] == .halfOpen { connection.server = nil }
        return !isStopped
    }

    private func entry(_ descriptor: Int32, _ events: Int32) -> pollfd {
        // A descriptor below zero is looked over; so is one without interest, whose end nobody wants to hear of yet.
        pollfd(fd: events == 0 ? -1 : descriptor, events: Int16(events), revents: 0)
    }

    private func interest(in connection: ProxyConnection, towardsServer: Bool) -> Int32 {
        let line = lines[connection.link]
        guard line != .stalled else { return 0 }
        let incoming = towardsServer ? connection.downwards : connection.upwards
        let outgoing = towardsServer ? connection.upwards : connection.downwards
        var events: Int32 = 0
        if incoming.hasRoom { events |= POLLIN }
        if let ready = outgoing.ready, ready <= now { events |= POLLOUT }
        return events
    }

    /// Milliseconds until the next delayed bytes are due; without any, for ever.
    private func timeout() -> Int32 {
        let due = connections.filter { lines[$0.link] != .stalled }
            .compactMap { [$0.upwards.ready, $0.downwards.ready].compactMap { $0 }.min() }.min()
        guard let due else { return -1 }
        return Int32(max(0, min(60_000, (due - .now) / .milliseconds(1) + 1)))
    }

    private func accept(_ listener: Socket, on link: Int) {
        guard let client = listener.accepted() else { return }
        switch lines[link] {
        case .cut:
            return
        case .halfOpen, .stalled:
            connections.append(ProxyConnection(link: link, client: client, server: nil))
        case .open, .slow:
            // A server that is away: the client's connection is closed, as its own would be.
            guard let server = try? Socket.connected(to: serverPort) else { return }
            connections.append(ProxyConnection(link: link, client: client, server: server))
        }
    }

    private func relay(_ connection: ProxyConnection, client: Int16, server: Int16) {
        var isAlive = true
        if client != 0 { isAlive = read(from: connection.client, &connection.upwards, connection, upwards: true) }
        if let socket = connection.server {
            if server != 0 { _ = read(from: socket, &connection.downwards, connection, upwards: false) }
            isAlive = isAlive && connection.upwards.write(to: socket, at: now)
            isAlive = isAlive && connection.downwards.write(to: connection.client, at: now)
            isAlive = isAlive && !connection.upwards.isDone && !connection.downwards.isDone && !connection.isOver
        } else {
            // What the client says leads nowhere; without a server's side it is over once the client is.
            connection.upwards = ProxyFlow()
            isAlive = isAlive && [.halfOpen, .stalled].contains(lines[connection.link])
        }
        if !isAlive { connections.removeAll { $0 === connection } }
    }

    /// Reads what has come. Returns whether the client is still there.
    private func read(
        from socket: Socket, _ flow: inout ProxyFlow, _ connection: ProxyConnection, upwards: Bool
    ) -> Bool {
        guard flow.hasRoom else { return true }
        var bytes: [UInt8] = []
        switch socket.read(into: &bytes) {
        case .wouldWait: return true
        case .ended:
            flow.hasEnded = true
            return connection.server != nil
        case .moved:
            let delay: Duration = if case .slow(let delay) = lines[connection.link] { delay } else { .zero }
            flow.add(pass(bytes, &flow.splitter, connection, upwards: upwards), ready: now + delay)
            return true
        }
    }

    /// What of the bytes may go on.
    private func pass(
        _ bytes: [UInt8], _ splitter: inout ProtocolSplitter, _ connection: ProxyConnection, upwards: Bool
    ) -> [UInt8] {
        switch language {
        case .nats:
            let operations = splitter.split(bytes)
            return upwards ? pass(operations, on: connection.link) : count(operations, on: connection.link)
        case .postgres:
            guard upwards, connection.ending == nil, PostgresCommit.isFirst(in: bytes) else { return bytes }
            let (ending, cut) = proxy.withShared { shared in
                let ending = shared.rules[connection.link].ending(&shared.counts[connection.link])
                return (ending, ending == nil ? nil : shared.rules[connection.link].cut)
            }
            connection.ending = ending
            cut?()
            return connection.ending == .now ? [] : bytes
        }
    }

    /// Counts what the broker hands over.
    private func count(_ operations: [ProtocolOperation], on link: Int) -> [UInt8] {
        let deliveries = operations.compactMap { $0.replySubject.flatMap { DeliverySubject($0) } }
        if !deliveries.isEmpty {
            proxy.withShared { shared in
                shared.counts[link].deliveries += deliveries.count
                shared.counts[link].redeliveries += deliveries.count { $0.attempt > 1 }
            }
        }
        return operations.flatMap(\.bytes)
    }

    /// Lets through what a replica says, except for what is to be lost. A trap snaps before anything goes on.
    private func pass(_ operations: [ProtocolOperation], on link: Int) -> [UInt8] {
        let (passed, snap) = proxy.withShared { shared in
            var passed: [UInt8] = []
            var sequences: [UInt64] = []
            for operation in operations {
                guard shared.rules[link].passes(operation, &shared.counts[link], &sequences) else { continue }
                passed += operation.bytes
            }
            return (passed, shared.rules[link].spring(after: sequences))
        }
        snap?()
        return passed
    }
}

extension LinkRules {
    /// What a commit does to its connection.
    fileprivate mutating func ending(_ counts: inout LinkCounts) -> ProxyConnection.Ending? {
        guard cutCommits > 0 else { return nil }
        cutCommits -= 1
        counts.cutCommits += 1
        return forwardsCutCommits ? .whenWritten : .now
    }

    /// Whether an operation of a replica passes; takes note of the acknowledgements that do.
    fileprivate mutating func passes(
        _ operation: ProtocolOperation, _ counts: inout LinkCounts, _ sequences: inout [UInt64]
    ) -> Bool {
        guard let subject = operation.publishedSubject else { return true }
        if let delivery = DeliverySubject(subject) {
            guard operation.payload.isEmpty || operation.payload.elementsEqual("+ACK".utf8) else { return true }
            if lostAcknowledgements > 0, random.fraction() < lostAcknowledgements {
                counts.lostAcknowledgements += 1
                return false
            }
            counts.acknowledgements += 1
            sequences.append(delivery.streamSequence)
            return true
        }
        if lostPublishes > 0, subject.hasPrefix(publishedPrefix), random.fraction() < lostPublishes {
            counts.lostPublishes += 1
            return false
        }
        return true
    }

    /// What to call, if the trap snaps with these acknowledgements.
    fileprivate mutating func spring(after sequences: [UInt64]) -> (@Sendable () -> Void)? {
        guard !sequences.isEmpty, var trap else { return nil }
        trap.countdown -= sequences.count
        self.trap = trap.countdown > 0 ? trap : nil
        guard trap.countdown <= 0 else { return nil }
        return { [snap = trap.snap] in snap(sequences) }
    }
}
