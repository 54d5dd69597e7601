import CNats
import Glibc
import TertibRuntime
import TertibCore

/// Owns one `natsConnection` and the subscriptions on it.
///
/// Every call may block on the socket, so it is used on the I/O thread alone and is not `Sendable`. What libnats reports
/// by itself arrives through ``CallbackRegistry``.
final class LibraryConnection {
    private let handle: OpaquePointer
    private let events: UInt
    private var subscriptions: [UInt: OpaquePointer] = [:]
    /// Bytes of the name or value that is being handed over, with the NUL that C wants.
    private var scratch: [CChar] = []

    /// Connects, which may take as long as the connect timeout for each server.
    /// - Throws: ``EventLogError``: `invalid` for settings, `authentication`, or `unavailable`.
    init(
        _ options: JetStreamOptions, servers: [String], onEvent: @escaping @Sendable (LinkEvent) -> Void
    ) throws(EventLogError) {
        let events = CallbackRegistry.shared.add(.connection(onEvent))
        var connection: OpaquePointer?
        do throws(EventLogError) {
            let prepared = try LibraryOptions(options, servers: servers, events: events)
            let status = LibraryStatus(natsConnection_Connect(&connection, prepared.handle))
            guard status.isFine, let connection else { throw Self.failure(status, options) }
            handle = connection
            self.events = events
        } catch {
            CallbackRegistry.shared.remove(events)
            throw error
        }
    }

    deinit {
        CallbackRegistry.shared.remove(events)
        natsConnection_Close(handle)
        for subscription in subscriptions.values { natsSubscription_Destroy(subscription) }
        natsConnection_Destroy(handle)
    }

    private static func failure(_ status: LibraryStatus, _ options: JetStreamOptions) -> EventLogError {
        let attempted = "connect to the broker"
        if status.isTLS {
            return EventLogError(
                .authentication, attempted: attempted, reason: "TLS cannot be agreed: \(status)",
                advice: "Check that the server speaks TLS, and nats.tls.caFile.")
        }
        if status.isAuthentication {
            return EventLogError(
                .authentication, attempted: attempted, reason: "the server refuses the credentials: \(status)",
                advice: "Check nats.authentication against the server's users.")
        }
        return EventLogError(
            .unavailable, attempted: attempted, reason: status.text,
            advice: "Check that a nats-server listens on one of \(options.servers.joined(separator: ", ")).")
    }

    /// Sends a message. It is on its way when the next ``push()`` returns, if not before.
    func publish(_ message: OutgoingMessage, reply: String?) -> LibraryStatus {
        guard !message.headers.isEmpty else {
            return LibraryStatus(
                message.body.withUnsafeBytes { body in
                    guard let reply else {
                        return natsConnection_Publish(handle, message.subject, body.baseAddress, Int32(body.count))
                    }
                    return natsConnection_PublishRequest(
                        handle, message.subject, reply, body.baseAddress, Int32(body.count))
                })
        }
        var created: OpaquePointer?
        let status = message.body.withUnsafeBytes { body in
            natsMsg_Create(
                &created, message.subject, reply, body.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(body.count))
        }
        guard status == NATS_OK, let created else { return LibraryStatus(status) }
        defer { natsMsg_Destroy(created) }
        for field in message.headers {
            let status = add(field, to: created)
            guard status == NATS_OK else { return LibraryStatus(status) }
        }
        return LibraryStatus(natsConnection_PublishMsg(handle, created))
    }

    private func add(_ field: HeaderField, to message: OpaquePointer) -> natsStatus {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: field.name.lazy.map { CChar(bitPattern: $0) })
        scratch.append(0)
        let valueStart = scratch.count
        scratch.append(contentsOf: field.value.lazy.map { CChar(bitPattern: $0) })
        scratch.append(0)
        return scratch.withUnsafeBufferPointer { buffer in
            guard let name = buffer.baseAddress else { return NATS_INVALID_ARG }
            return natsMsgHeader_Add(message, name, name + valueStart)
        }
    }

    /// Starts to receive on a subject; the target's `completed` follows the last message.
    func subscribe(to subject: String, target: UInt) -> LibraryStatus {
        var created: OpaquePointer?
        let closure = UnsafeMutableRawPointer(bitPattern: target)
        var status = natsConnection_Subscribe(&created, handle, subject, Callbacks.message, closure)
        guard status == NATS_OK, let created else { return LibraryStatus(status) }
        // What is asked for is bounded by the requests; libnats' own limit would drop messages without a word.
        status = natsSubscription_SetPendingLimits(created, -1, -1)
        if status == NATS_OK { status = natsSubscription_SetOnCompleteCB(created, Callbacks.completed, closure) }
        // It is destroyed with the connection only: a message that arrives for a subscription that is just being
        // destroyed crashes libnats before 3.6.1.
        subscriptions[target] = created
        return LibraryStatus(status)
    }

    /// Ends a subscription after everything that has been sent to it was received.
    func drain(_ target: UInt) -> LibraryStatus {
        guard let subscription = subscriptions[target] else { return LibraryStatus(NATS_INVALID_SUBSCRIPTION) }
        return LibraryStatus(natsSubscription_Drain(subscription))
    }

    /// Writes what waits in libnats' buffer to the socket, now. Without it libnats waits a millisecond for more.
    func push() {
        // The answer to its ping does not matter, so the wait for it is the shortest there is.
        _ = natsConnection_FlushTimeout(handle, 1)
    }

    /// Waits until the server has seen all that was sent.
    func flush(within limit: Duration) -> LibraryStatus {
        LibraryStatus(natsConnection_FlushTimeout(handle, limit.milliseconds))
    }

    /// The largest message that the server takes, headers and body together.
    var maxPayload: Int { Int(natsConnection_GetMaxPayload(handle)) }

    /// The server's URL; libnats leaves credentials out.
    var url: String {
        var buffer = [CChar](repeating: 0, count: 512)
        guard natsConnection_GetConnectedUrl(handle, &buffer, buffer.count) == NATS_OK else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Servers of the cluster that the server has told about.
    var discoveredServers: [String] {
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        var count: Int32 = 0
        guard natsConnection_GetDiscoveredServers(handle, &list, &count) == NATS_OK, let list else { return [] }
        defer { free(list) }
        return (0..<Int(count)).compactMap { index in
            guard let entry = list[index] else { return nil }
            defer { free(entry) }
            return String(cString: entry)
        }
    }
}
