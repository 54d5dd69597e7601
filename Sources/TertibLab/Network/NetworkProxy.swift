import Foundation
import Synchronization

/// A network of its own between replicas and a server, broker or database: each replica has a link, and each link can be
/// cut, slowed, stalled, left half open, or lose what matters most: acknowledgements, commits.
///
/// All sockets belong to one thread, which sleeps in `poll`. Every method may be called from any thread.
final class NetworkProxy: Sendable {
    /// A link: where a replica connects to.
    struct Link: Hashable, Sendable {
        let number: Int
        let port: Int

        /// The broker's URL that the replica is given.
        var url: String { "nats://127.0.0.1:\(port)" }
    }

    /// What is spoken on the links.
    enum Language: Sendable {
        case nats, postgres
    }

    /// What the thread and its callers share.
    struct Shared: Sendable {
        var rules: [LinkRules] = []
        var counts: [LinkCounts] = []
        /// Connections of these links are closed at the next turn.
        var toClose: Set<Int> = []
        var isStopped = false
    }

    private let shared = Mutex(Shared())
    private let waker: WakePipe
    private let ended = DispatchSemaphore(value: 0)
    /// The ports, one a link.
    let links: [Link]

    /// Opens the links, and starts the thread.
    /// - Parameter port: the server's.
    init(to port: Int, links count: Int, speaking language: Language = .nats) throws {
        let listeners = try (0..<count).map { _ in try Socket.listening() }
        links = try listeners.enumerated().map { Link(number: $0.offset, port: try $0.element.port()) }
        waker = try WakePipe()
        shared.withLock { shared in
            shared.rules = Array(repeating: LinkRules(), count: count)
            shared.counts = Array(repeating: LinkCounts(), count: count)
        }
        let descriptors = ListenerBox(listeners)
        let thread = Thread { [self] in
            ProxyLoop(
                listeners: descriptors.listeners, serverPort: port, language: language, waker: waker, proxy: self
            ).run()
            ended.signal()
        }
        thread.name = "tertib-proxy"
        thread.start()
    }

    /// Changes the rules of a link. What is on its way under the old ones stays so.
    func change(_ link: Link, _ body: (inout LinkRules) -> Void) {
        shared.withLock { shared in
            let before = shared.rules[link.number].line
            body(&shared.rules[link.number])
            let after = shared.rules[link.number].line
            if before != after, before == .halfOpen || after == .cut { shared.toClose.insert(link.number) }
        }
        waker.wake()
    }

    /// What has passed so far.
    func counts(of link: Link) -> LinkCounts { shared.withLock { $0.counts[link.number] } }

    /// The sums over all links.
    var counts: LinkCounts {
        shared.withLock { shared in
            shared.counts.reduce(into: LinkCounts()) { sum, counts in
                sum.deliveries += counts.deliveries
                sum.redeliveries += counts.redeliveries
                sum.acknowledgements += counts.acknowledgements
                sum.lostAcknowledgements += counts.lostAcknowledgements
                sum.lostPublishes += counts.lostPublishes
                sum.cutCommits += counts.cutCommits
            }
        }
    }

    /// Closes everything; returns when the thread has ended.
    func stop() {
        let isFirst = shared.withLock { shared in
            defer { shared.isStopped = true }
            return !shared.isStopped
        }
        guard isFirst else { return }
        waker.wake()
        ended.wait()
    }

    /// For the thread: looks at, and changes, what is shared.
    func withShared<Result>(_ body: (inout Shared) -> Result) -> Result { shared.withLock { body(&$0) } }
}

/// Hands the sockets over to the thread that owns them from then on.
private final class ListenerBox: @unchecked Sendable {  // read once, by the thread that it was made for
    let listeners: [Socket]

    init(_ listeners: [Socket]) {
        self.listeners = listeners
    }
}
