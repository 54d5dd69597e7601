/// What a run of the simulator is made of: how much of everything, and which faults how often.
///
/// A seed expands to options (``init(seed:)``), options to a plan (``SimulationPlan``), a plan to a schedule. It prints
/// and reads as JSON; durations are milliseconds.
public struct SimulationOptions: Hashable, Sendable, Codable {
    /// How transactions are kept apart.
    public enum Isolation: String, Hashable, Sendable, Codable {
        /// As PostgreSQL's READ COMMITTED.
        case readCommitted
        /// As SQLite: one writer at a time.
        case serial
    }

    /// What everything else is drawn from.
    public var seed: UInt64
    /// How transactions are kept apart.
    public var isolation = Isolation.readCommitted
    /// How many replicas there are at first.
    public var replicas = 2
    /// Aggregates whose events are stored by others.
    public var aggregates = 3
    /// Events stored by others.
    public var events = 24
    /// Transactions in which a replica stages events.
    public var staged = 6
    /// Calls of replicas that append events, several writers to an aggregate.
    public var appends = 0
    /// How long events come.
    public var milliseconds = 3000

    /// Whether every event raises the same two rows, so that transactions wait for each other, in circles too.
    public var meetsAtRows = false

    /// Events are stored in an order drawn from so many at a time.
    public var shuffleWindow = 1
    /// Events are delivered in an order drawn from so many at a time.
    public var deliveryWindow = 1
    /// The chance that an event is stored a second time.
    public var duplicates = 0.0
    /// The chance that a delivery is made twice.
    public var doubleDeliveries = 0.0
    /// The chance that the answer to a delivery is lost.
    public var lostAnswers = 0.0
    /// The chance that an event belongs to the first aggregate.
    public var hotKey = 0.0
    /// Crashes at named points.
    public var crashes = 0
    /// Kills at any moment.
    public var kills = 0
    /// Times the broker goes away; some of them for longer than a publish is pursued.
    public var brokerOutages = 0
    /// Times the database goes away.
    public var databaseOutages = 0
    /// Times one replica's connection to the broker is cut.
    public var cuts = 0
    /// Commits whose outcome stays unknown.
    public var unknownCommits = 0
    /// Commits that the database rolls back instead.
    public var conflicts = 0
    /// Pairs of commits that the database refuses.
    public var refusals = 0
    /// Steps of transactions that fail as a conflict or an outage.
    public var failingSteps = 0
    /// Publishes, or answers to them, that are lost.
    public var lostPublishes = 0
    /// Times a replica stands still for longer than the acknowledgement wait; some of them for longer than a relay's
    /// claim lasts.
    public var pauses = 0
    /// Times a wall clock jumps.
    public var clockJumps = 0
    /// Times a wall clock stands still.
    public var stoppedClocks = 0
    /// Whether the parties' wall clocks differ.
    public var hasSkew = false
    /// Replicas that come and go.
    public var scaling = 0
    /// Events whose handler fails a few times.
    public var failing = 0
    /// Events whose handler always fails.
    public var poison = 0
    /// Versions that two events have.
    public var forks = 0
    /// Messages that break the wire contract.
    public var malformed = 0
    /// Times the broker forgets what it has delivered last.
    public var forgotten = 0
    /// Times the broker passes over messages that it has not delivered.
    public var skips = 0
    /// Times the oldest messages are deleted.
    public var trims = 0
    /// Times the broker loses the last messages that it had acknowledged, as in a power cut.
    public var lostTails = 0
    /// Times the stream is deleted and restored from an older backup.
    public var restores = 0
    /// Times the stream is deleted and created anew, empty; then nothing comes to rest any more.
    public var recreations = 0

    /// At most so many deliveries in a transaction.
    public var batch = 16
    /// The acknowledgement wait.
    public var acknowledgementWait = 1500
    /// How long a lone gapped delivery is held.
    public var gapHold = 50
    /// At most so many rows are parked for one aggregate.
    public var maxParkedPerAggregate = 1000
    /// After so many failures an event is a dead letter.
    public var maxAttempts = 4
    /// The chance that a transaction goes on at a step without anybody else being asked.
    public var stickiness = 0.0
    /// The chance that a step of a transaction takes a few milliseconds.
    public var slowness = 0.0
    /// The chance, at each choice, that time moves on although somebody could go on.
    public var haste = 0.0

    // Named, so that the file beside this one can read options that lack some.
    enum CodingKeys: String, CodingKey {
        case seed
        case isolation
        case replicas
        case aggregates
        case events
        case staged
        case appends
        case milliseconds
        case meetsAtRows
        case shuffleWindow
        case deliveryWindow
        case duplicates
        case doubleDeliveries
        case lostAnswers
        case hotKey
        case crashes
        case kills
        case brokerOutages
        case databaseOutages
        case cuts
        case unknownCommits
        case conflicts
        case refusals
        case failingSteps
        case lostPublishes
        case pauses
        case clockJumps
        case stoppedClocks
        case hasSkew
        case scaling
        case failing
        case poison
        case forks
        case malformed
        case forgotten
        case skips
        case trims
        case lostTails
        case restores
        case recreations
        case batch
        case acknowledgementWait
        case gapHold
        case maxParkedPerAggregate
        case maxAttempts
        case stickiness
        case slowness
        case haste
    }

    /// A run without faults.
    public init(plain seed: UInt64 = 0) {
        self.seed = seed
    }
}
