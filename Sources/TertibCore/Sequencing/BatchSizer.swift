/// Chooses how many deliveries go into a transaction, from the rate at which earlier ones were applied.
///
/// A fixed number would make a slow handler hold its transaction for minutes, far beyond the acknowledgement wait.
public struct BatchSizer: Hashable, Sendable {
    /// The highest limit.
    public let most: Int
    /// How long a transaction should take.
    public let target: Duration
    /// The limit before anything is known.
    private static let first = 128

    /// Minimum number of deliveries that a transaction may take, however slow the handlers.
    private static let leastInTransaction = 4

    private var secondsPerDelivery: Double?
    /// The limit of one transaction after one was lost to another replica; `nil` while none was.
    public private(set) var ceiling: Int?

    /// Creates a sizer.
    public init(most: Int, target: Duration) {
        self.most = max(1, most)
        self.target = target
    }

    /// How many deliveries to take now.
    public var limit: Int {
        guard let secondsPerDelivery else { return min(Self.first, most) }
        let fitting = Self.seconds(target) / max(secondsPerDelivery, 1e-9)
        return Int(min(Double(most), max(1, fitting)))
    }

    /// How many deliveries one transaction may take: what has arrived meanwhile too, up to twice as much.
    public var transactionLimit: Int {
        let room = max(Self.leastInTransaction, 2 * limit)
        return min(room, ceiling ?? room)
    }

    /// Learns from a transaction. A slow one counts at once, a fast one by half, so that the size falls faster than it
    /// rises.
    public mutating func record(_ count: Int, in duration: Duration) {
        rise()
        guard count > 0, duration > .zero else { return }
        let observed = Self.seconds(duration) / Double(count)
        guard let known = secondsPerDelivery, observed < known else {
            secondsPerDelivery = observed
            return
        }
        secondsPerDelivery = (known + observed) / 2
    }

    /// Learns that a whole transaction was lost to another replica: handlers that write the same rows in another order, say.
    /// Half as many deliveries hold half as many locks; one alone can be in no circle with others of its kind.
    public mutating func lost(_ count: Int) {
        ceiling = max(1, count / 2)
    }

    /// By an eighth for each transaction that commits, far slower than it falls.
    private mutating func rise() {
        guard let ceiling else { return }
        let next = ceiling + max(1, ceiling / 8)
        self.ceiling = next < most ? next : nil
    }

    private static func seconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
