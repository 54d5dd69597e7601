import ShopService

/// What a link does to what passes through it.
struct LinkRules: Sendable {
    /// The state of the line.
    enum Line: Hashable, Sendable {
        /// Bytes pass at once.
        case open
        /// Bytes pass after a delay.
        case slow(Duration)
        /// Connections are closed, new ones too.
        case cut
        /// Nothing passes, and nobody is told; it goes on where it stopped.
        case stalled
        /// The broker's side is closed, the client's stays open and leads nowhere; closed when the line opens again.
        case halfOpen
    }

    var line = Line.open
    /// Which share of the acknowledgements is swallowed, from 0 to 1.
    var lostAcknowledgements = 0.0
    /// Which share of what is published to `publishedPrefix` is swallowed, from 0 to 1.
    var lostPublishes = 0.0
    /// What the subjects of events begin with.
    var publishedPrefix = ""
    /// At so many of the next commits the connection is cut, on a link to a database.
    var cutCommits = 0
    /// Whether the commit still reaches the database then.
    var forwardsCutCommits = true
    var random = SeededGenerator(seed: 0)
    /// After so many more acknowledgements the trap snaps.
    var trap: Trap?

    /// Springs at an acknowledgement, before the broker sees it.
    struct Trap: Sendable {
        var countdown: Int
        /// What was delivered since the trap was set, by stream sequence.
        var delivered: [UInt64: AcknowledgedDelivery] = [:]
        /// Gets what is acknowledged by the bytes that are on their way; called on the proxy's thread.
        let snap: @Sendable (_ acknowledged: [AcknowledgedDelivery]) -> Void

        init(countdown: Int, snap: @escaping @Sendable (_ acknowledged: [AcknowledgedDelivery]) -> Void) {
            self.countdown = countdown
            self.snap = snap
        }

        /// At most so many deliveries are remembered.
        static let limit = 4096
    }
}

/// A delivery that a replica has acknowledged, as it was seen on the wire.
struct AcknowledgedDelivery: Hashable, Sendable {
    let streamSequence: UInt64
    let subject: String
    /// The aggregate version in its headers.
    let version: Int64

    /// `nil` unless the operation hands over an event.
    init?(_ operation: ProtocolOperation) {
        guard let reply = operation.replySubject.flatMap({ DeliverySubject($0) }) else { return nil }
        let name = Array("ce-aggregateversion:".utf8)
        let payload = operation.payload
        guard let start = payload.firstRange(of: name)?.upperBound else { return nil }
        let value = payload[start...].drop { $0 == UInt8(ascii: " ") }.prefix { $0 > UInt8(ascii: " ") }
        guard let version = Int64(String(decoding: value, as: UTF8.self)) else { return nil }
        streamSequence = reply.streamSequence
        subject = String(operation.words[1])
        self.version = version
    }
}

/// What has passed through a link, and what has not.
struct LinkCounts: Hashable, Sendable {
    /// Messages that JetStream has handed over.
    var deliveries = 0
    /// Of these: not for the first time.
    var redeliveries = 0
    /// Acknowledgements that passed.
    var acknowledgements = 0
    /// Acknowledgements that were swallowed.
    var lostAcknowledgements = 0
    /// Published events that were swallowed.
    var lostPublishes = 0
    /// Commits at which the connection was cut, so that nobody has heard of their outcome.
    var cutCommits = 0
}
