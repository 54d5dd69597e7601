import CNats

/// What a call of libnats returned.
struct LibraryStatus: Hashable, Sendable, CustomStringConvertible {
    let status: natsStatus

    init(_ status: natsStatus) {
        self.status = status
    }

    static func == (left: LibraryStatus, right: LibraryStatus) -> Bool { left.status == right.status }

    func hash(into hasher: inout Hasher) { hasher.combine(status.rawValue) }

    var isFine: Bool { status == NATS_OK }

    /// libnats' text for the status: a constant, without anything of this connection.
    var text: String { natsStatus_GetText(status).map { String(cString: $0) } ?? "status \(status.rawValue)" }

    var description: String { text }

    /// Whether the message was certainly not given to the socket.
    var meansNothingWasSent: Bool {
        [
            NATS_CONNECTION_CLOSED, NATS_INSUFFICIENT_BUFFER, NATS_MAX_PAYLOAD, NATS_NO_SERVER_SUPPORT,
            NATS_INVALID_SUBJECT, NATS_INVALID_ARG, NATS_DRAINING, NATS_NO_MEMORY,
        ].contains(status)
    }

    /// Whether the server refused the credentials, or TLS could not be agreed.
    var isAuthentication: Bool {
        [NATS_CONNECTION_AUTH_FAILED, NATS_NOT_PERMITTED].contains(status) || isTLS
    }

    var isTLS: Bool {
        [NATS_SSL_ERROR, NATS_SECURE_CONNECTION_WANTED, NATS_SECURE_CONNECTION_REQUIRED].contains(status)
    }
}
