import Logging
import Synchronization
import TertibCore

/// What the I/O thread and libnats' threads report.
extension Connection {
    func handle(_ event: LinkEvent, of link: Int) {
        switch event {
        case .closed:
            enqueue(.lost(link: link))
        case .refused(let text):
            guard let violation = PermissionViolation(text) else { return }
            logger.warning(
                "the broker does not permit this user",
                metadata: ["nats.operation": "\(violation.operation)", "nats.subject": "\(violation.subject)"])
            requests.refuse(violation)
            if violation.operation == .subscription { deafen(link, violation) }
            announce(.refused(violation))
        case .other(let text):
            logger.debug("libnats reports an error", metadata: ["nats.error": "\(text)"])
        }
    }

    /// No answer can arrive: every request fails with the reason until there is another connection. The server may say
    /// so before the connection is known as one that is up.
    private func deafen(_ link: Int, _ violation: PermissionViolation) {
        guard violation.subject.hasPrefix("\(options.inboxPrefix).") else { return }
        state.withLock { $0.deafness = Deafness(link: link, error: violation.error) }
        requests.failAll(violation.error)
    }

    func up(_ link: Link, discovered: [String]) {
        let waiters = state.withLock { state in
            defer { state.waiters = [:] }
            state.link = link
            state.isHopeless = false
            if !discovered.isEmpty { state.discoveredServers = discovered }
            return state.waiters.values.map(\.self)
        }
        logger.info("connected to the broker", metadata: ["nats.url": "\(link.url)"])
        waiters.forEach { $0.resume(returning: .success(link)) }
        announce(.up(link))
    }

    func down() {
        let trouble = EventLogError(
            .unavailable, attempted: "reach the broker", reason: "the connection was lost",
            advice: "It is made again by itself as soon as a server answers.")
        let isClosed = state.withLock { state in
            state.link = nil
            state.trouble = trouble
            return state.isClosed
        }
        requests.failAll(trouble)
        if !isClosed { logger.warning("the connection to the broker was lost") }
        announce(.down)
    }

    /// An attempt to connect failed. Said once, not at each attempt.
    func failed(_ error: EventLogError, isHopeless: Bool) {
        let (waiters, isNews) = state.withLock { state in
            let isNews = state.trouble != error
            state.trouble = error
            state.isHopeless = isHopeless
            guard isHopeless else { return ([CheckedContinuation<Result<Link, EventLogError>, Never>](), isNews) }
            defer { state.waiters = [:] }
            return (state.waiters.values.map(\.self), isNews)
        }
        if isNews { logger.warning("cannot connect to the broker", metadata: ["error": "\(error)"]) }
        waiters.forEach { $0.resume(returning: .failure(error)) }
    }
}
