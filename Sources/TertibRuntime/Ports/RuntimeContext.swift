public import Logging
import TertibCore

/// Everything the runtime takes from outside that is not a log or a store: time, random numbers, a logger. Production
/// uses the defaults; tests and the simulator give their own, and the runtime has no other source of either.
public struct RuntimeContext: Sendable {
    /// The clocks.
    public var time: any TimeSource
    /// Draws 64 random bits.
    public var random: @Sendable () -> UInt64
    /// Where the runtime logs.
    public var logger: Logger

    /// Creates a context.
    public init(
        time: any TimeSource = SystemTime(), random: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) },
        logger: Logger = Logger(label: "tertib")
    ) {
        self.time = time
        self.random = random
        self.logger = logger
    }

    /// A number in `0..<1`.
    func fraction() -> Double { Double(random() >> 11) * 0x1p-53 }

    /// A duration drawn evenly from zero to `bound`.
    func jitter(upTo bound: Duration) -> Duration { bound * fraction() }

    /// A new event id: a UUID of version 7 (RFC 9562, section 5.7), so that ids sort by the time they were made.
    func mintEventID() throws(IdentityError) -> EventID { try EventID(mintUUID()) }

    /// A new UUID of version 7, in lower case.
    func mintUUID() -> String { UUIDText.version7(at: time.wall, random(), random()) }
}
