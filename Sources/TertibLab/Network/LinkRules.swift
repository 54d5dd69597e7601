import TertibCore
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
    /// Called at each of these cuts, on the proxy's thread.
    var cut: (@Sendable () -> Void)?
    /// Whether the commit still reaches the database then.
    var forwardsCutCommits = true
    var random = SeededGenerator(seed: 0)
    /// After so many more acknowledgements the trap snaps.
    var trap: Trap?

    /// Springs at an acknowledgement, before the broker sees it.
    struct Trap: Sendable {
        var countdown: Int
        /// Gets the stream sequences that are acknowledged by the bytes that are on their way; called on the proxy's
        /// thread.
        let snap: @Sendable (_ acknowledged: [UInt64]) -> Void
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
