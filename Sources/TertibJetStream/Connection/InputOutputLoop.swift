import CNats
import Dispatch
import Foundation
import Logging
import Synchronization
import TertibCore

/// The body of the I/O thread: connect, serve, and again, until the owner closes the log.
///
/// Everything here may block, and does so on this one thread.
struct InputOutputLoop {
    private let connection: Connection
    private var backoff = Backoff()
    private var number = 0
    private var isStopping = false

    init(_ connection: Connection) {
        self.connection = connection
    }

    mutating func run() {
        while !isStopping {
            do throws(EventLogError) {
                try connectAndServe()
            } catch {
                report(error)
                wait(for: backoff.failed(isAuthentication: error.code == .authentication, jitter: .random(in: 0...1)))
            }
        }
        connection.ended()
    }

    private mutating func connectAndServe() throws(EventLogError) {
        number += 1
        let number = number
        let connection = connection
        let library = try LibraryConnection(connection.options, servers: servers) { event in
            connection.handle(event, of: number)
        }
        let link = Link(
            number: number, inbox: "\(connection.options.inboxPrefix).\(Self.uniqueToken())",
            maxPayload: library.maxPayload, url: library.url)
        try receiveAnswers(to: link, on: library)
        backoff.succeeded()
        connection.up(link, discovered: library.discoveredServers)
        serve(link, on: library)
        connection.down()
    }

    /// The configured servers in a random order, then those that the cluster has told about.
    private var servers: [String] {
        let known = connection.options.servers
        let discovered = connection.state.withLock { $0.discoveredServers }.filter { !known.contains($0) }
        return known.shuffled() + discovered.shuffled()
    }

    private static func uniqueToken() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    private func receiveAnswers(to link: Link, on library: LibraryConnection) throws(EventLogError) {
        let requests = connection.requests
        let prefixLength = link.inbox.utf8.count + 3
        let target = CallbackRegistry.shared.add(
            .messages(
                { message in
                    guard
                        let token = UInt64(
                            String(decoding: message.subject.utf8.dropFirst(prefixLength), as: UTF8.self))
                    else { return }
                    let reply = Reply(headers: HeaderBlock(message.headerBlock), body: message.body)
                    requests.finish(token, reply.meansNoResponders ? .noResponders : .reply(reply))
                }, completed: {}))
        let status = library.subscribe(to: "\(link.inbox).r.*", target: target)
        guard status.isFine else {
            CallbackRegistry.shared.remove(target)
            throw EventLogError(.unavailable, attempted: "receive on \(link.inbox)", reason: status.text)
        }
    }

    private mutating func serve(_ link: Link, on library: LibraryConnection) {
        while true {
            let commands = connection.queue.take()
            var awaited: Set<UInt64> = []
            var flushes: [CheckedContinuation<Bool, Never>] = []
            var isOver = false
            for (index, command) in commands.enumerated() {
                // A few at a time: what has timed out while the socket was stuck is not sent any more.
                if index % 64 == 0 { awaited = connection.requests.markSent(commands[index...].prefix(64)) }
                switch command {
                case .lost(let number): if number == link.number { isOver = true }
                case .stop:
                    isStopping = true
                    isOver = true
                case .flush(let continuation): flushes.append(continuation)
                case .request(let token, let message):
                    guard awaited.contains(token) else { continue }
                    if isOver { connection.refuse(command) } else { send(token, message, link, on: library) }
                case .publish, .answers, .subscribe, .drain:
                    if isOver { connection.refuse(command) } else { execute(command, link, on: library) }
                }
            }
            if isStopping || !flushes.isEmpty {
                let isFlushed = library.flush(within: connection.options.connectTimeout).isFine
                flushes.forEach { $0.resume(returning: isFlushed) }
            } else if !isOver {
                library.push()
            }
            if isOver { return }
        }
    }

    private func execute(_ command: Command, _ link: Link, on library: LibraryConnection) {
        switch command {
        case .publish(let message, let reply, let number):
            guard number == nil || number == link.number else { return }
            // A connection that cannot send is closed by libnats, which is an event of its own.
            _ = library.publish(message, reply: reply)
        case .answers(let subjects, let body):
            // An answer that is lost leads to a redelivery, by design.
            for subject in subjects { _ = library.publish(OutgoingMessage(subject: subject, body: body), reply: nil) }
        case .subscribe(let subject, let target, let number):
            let status = number == link.number ? library.subscribe(to: subject, target: target) : nil
            if status?.isFine != true { CallbackRegistry.shared.abandon(target) }
        case .drain(let target, let number):
            let status = number == link.number ? library.drain(target) : nil
            if status?.isFine != true { CallbackRegistry.shared.abandon(target) }
        case .request, .flush, .lost, .stop:
            break
        }
    }

    private func send(_ token: UInt64, _ message: OutgoingMessage, _ link: Link, on library: LibraryConnection) {
        let status = library.publish(message, reply: "\(link.inbox).r.\(token)")
        if !status.isFine { failed(token, message, status, link) }
    }

    private func failed(_ token: UInt64, _ message: OutgoingMessage, _ status: LibraryStatus, _ link: Link) {
        let attempted = "send to \(message.subject)"
        if status.status == NATS_MAX_PAYLOAD {
            let error = EventLogError(
                .tooLarge, attempted: attempted, reason: "the server takes at most \(link.maxPayload) bytes a message")
            connection.requests.finish(token, .notSent(error))
        } else if status.status == NATS_NO_SERVER_SUPPORT {
            let error = EventLogError(.unsupported, attempted: attempted, reason: "the server knows no headers")
            connection.requests.finish(token, .notSent(error))
        } else {
            let error = EventLogError(.unavailable, attempted: attempted, reason: status.text)
            connection.requests.finish(token, status.meansNothingWasSent ? .notSent(error) : .unanswered(error))
        }
    }

    private mutating func wait(for duration: Duration) {
        let deadline = DispatchTime.now() + duration.timeInterval
        while !isStopping, DispatchTime.now() < deadline {
            for command in connection.queue.take(until: deadline) {
                if case .stop = command { isStopping = true } else { connection.refuse(command) }
            }
        }
    }

    private func report(_ error: EventLogError) {
        let isFatal = error.code == .invalid || error.code == .unsupported || backoff.hasRejectedCredentials
        connection.failed(error, isHopeless: isFatal)
    }
}
