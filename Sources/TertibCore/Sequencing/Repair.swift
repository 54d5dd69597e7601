/// Decides which gaps are searched for in one sweep, how far, and when again.
///
/// Every gap gets its share of the reads, and each time another one is the first. A gap that stays backs off.
///
/// | state of a gap | input | next state |
/// |---|---|---|
/// | unknown, due | its turn | searching, for at most its share of the reads |
/// | searching | something was found, or the stream was not read to its end | due |
/// | searching | the stream was read as far as it helps | backing off |
/// | backing off | its time has come, or its watermark has moved | due |
/// | any | it is no gap any more | unknown |
package struct RepairSchedule: Sendable {
    private struct Memory {
        var search: GapSearch
        var backoff = Backoff(maxDelay: .seconds(30))
        var notBefore = Duration.zero
    }

    /// Maximum number of reads in one sweep: the rate limit of a replica.
    private static let readBudget = 1024
    /// Minimum number of them for each gap.
    private static let leastShare = 32
    /// Longest time of one sweep's reads, by the monotonic clock: drains and retries wait for it to end.
    package static let sweepTime: Duration = .seconds(2)
    /// Maximum number of gaps that back off which are asked for again together with the others.
    private static let waitingLimit = 4096
    /// Maximum number of versions of one aggregate in one transaction.
    private static let runLimit = 512
    /// While the broker still has undelivered messages, a search (not a pointer) waits until a gap is this old.
    private static let searchPatience: Duration = .seconds(5)

    private let codec: WireCodec
    private var memories: [Aggregate: Memory] = [:]
    private var sweeps = 0
    private var due: ArraySlice<Gap> = []
    private var share = 0
    private var budget = 0
    private var now = Timestamp(microseconds: 0)
    private var withoutRoom: Set<Aggregate> = []
    /// The moment of monotonic time from which on nothing more is read in this sweep.
    package private(set) var end = Duration.zero
    /// Whether something was found in this sweep, or reading has to go on.
    package private(set) var isGoingOn = false

    package init(codec: WireCodec) {
        self.codec = codec
    }

    /// How many gaps back off: so many more have to be asked for, or they would hide the others.
    package var waiting: Int { min(memories.count, Self.waitingLimit) }

    /// Begins a sweep.
    /// - Parameters:
    ///   - now: The database's time.
    ///   - withoutRoom: The aggregates that have no room left for parked rows; they are searched for at once.
    package mutating func begin(
        _ gaps: [Gap], now: Timestamp, withoutRoom: Set<Aggregate>, at monotonic: Duration
    ) {
        let known = Set(gaps.map(\.aggregate))
        memories = memories.filter { known.contains($0.key) }
        let due = gaps.filter { gap in
            guard let memory = memories[gap.aggregate], memory.search.gap.watermark == gap.watermark else {
                return true
            }
            return memory.notBefore <= monotonic
        }
        isGoingOn = false
        self.due = []
        guard !due.isEmpty else { return }
        sweeps += 1
        let first = sweeps % due.count
        self.due = (due[first...] + due[..<first])[...]
        share = max(Self.leastShare, Self.readBudget / due.count)
        budget = Self.readBudget
        end = monotonic + Self.sweepTime
        (self.now, self.withoutRoom) = (now, withoutRoom)
    }

    /// The search whose turn it is; `nil` when the sweep is over. `hasUndelivered` says whether the broker still has
    /// messages to deliver, which may close the gap by themselves.
    package mutating func next(at monotonic: Duration, hasUndelivered: Bool) -> GapSearch? {
        guard budget > 0, monotonic < end, let gap = due.popFirst() else { return nil }
        let age = now.since(gap.oldestParkedAt)
        let isOld = age > Self.searchPatience || age < .zero  // from the future: parked under a wrong clock
        let hasNoRoom = withoutRoom.contains(gap.aggregate)
        let reads = min(share, budget)
        budget -= reads
        var memory = memories[gap.aggregate] ?? Memory(search: GapSearch(gap, codec: codec))
        let round = GapSearch.Round(
            maySearch: hasNoRoom || !hasUndelivered || isOld, hasNoRoom: hasNoRoom, limit: Self.runLimit, reads: reads)
        if memory.search.begin(round, gap) {
            memory.backoff.succeeded()
            memory.notBefore = .zero
        }
        memories[gap.aggregate] = memory
        return memory.search
    }

    /// A round of a search is over, and what it found is applied. `jitter` is a number in `0..<1`.
    package mutating func ended(_ search: GapSearch, hasFound: Bool, at monotonic: Duration, jitter: Double) {
        guard var memory = memories[search.gap.aggregate] else { return }
        memory.search = search
        budget += search.readsLeft
        if !hasFound, search.isExhausted {
            // The version is not there; it may still be on its way.
            memory.notBefore = monotonic + Backoff.wait(upTo: memory.backoff.failed(), jitter: jitter)
            memory.search.startAgain()
        }
        if memory.notBefore <= monotonic { isGoingOn = true }
        memories[search.gap.aggregate] = memory
    }
}
