/// A connection that is up, as those who use it see it.
struct Link: Hashable, Sendable {
    /// Counts the connections of one log; a request for another one is void.
    let number: Int
    /// The subject under which everything arrives that is sent to this connection.
    let inbox: String
    /// The largest message that the server takes, headers and body together.
    let maxPayload: Int
    /// The server's URL, without credentials.
    let url: String
}

/// What those who receive deliveries have to know about the connection.
enum LinkChange: Sendable {
    /// A new connection; nothing of an older one will arrive any more.
    case up(Link)
    /// The connection is gone.
    case down
    /// The server does not permit something.
    case refused(PermissionViolation)
    /// Time has passed.
    case tick
}
