import Logging
import TertibCore

/// Reads the versions that a gap misses straight from the stream, and applies them at once; the neighbour that holds
/// them finds them stale. Verdicts come from versions only; pointers only locate.
struct Repair: Sendable {
    let runtime: ConsumerRuntime
    private var memories: [Aggregate: Memory] = [:]
    private var round = 0

    /// At most so many reads in one sweep: the rate limit of a replica.
    private static let readBudget = 1024
    /// At least so many of them for each gap.
    private static let leastShare = 32
    /// At most so long, by the monotonic clock: drains and retries wait for the sweep to end.
    static let sweepTime: Duration = .seconds(2)
    /// At most so many gaps that back off are asked for again with the others.
    private static let waitingLimit = 4096
    /// At most so many versions of one aggregate in one transaction.
    private static let runLimit = 512
    /// While the broker still has undelivered messages, a search (not a pointer) waits until a gap is this old.
    private static let searchPatience: Duration = .seconds(5)
    private static let policy = RetryPolicy(initialDelay: .milliseconds(250), maxDelay: .seconds(30))

    private struct Memory {
        var trace: GapTrace
        var attempts = 0
        var notBefore = Duration.zero
    }

    init(runtime: ConsumerRuntime) {
        self.runtime = runtime
    }

    /// How many gaps back off: so many more have to be asked for, or they would hide the others.
    var waiting: Int { min(memories.count, Self.waitingLimit) }

    /// Repairs what can be repaired; a gap that stays backs off. `now` is the database's time. Every gap gets its share
    /// of the reads, and each time another one is the first. The `crowded` ones, which have no room left for parked rows,
    /// are searched for at once.
    /// - Returns: whether anything was found, or reading has to go on.
    mutating func run(_ gaps: [Gap], now: Timestamp, crowded: Set<Aggregate>) async throws -> Bool {
        let monotonic = runtime.context.time.monotonic
        let known = Set(gaps.map(\.aggregate))
        memories = memories.filter { known.contains($0.key) }
        let due = gaps.filter { gap in
            guard let memory = memories[gap.aggregate], memory.trace.watermark == gap.watermark else { return true }
            return memory.notBefore <= monotonic
        }
        guard !due.isEmpty else { return false }
        round += 1
        var isGoingOn = false
        let first = round % due.count
        let share = max(Self.leastShare, Self.readBudget / due.count)
        let end = monotonic + Self.sweepTime
        var budget = Self.readBudget
        for gap in due[first...] + due[..<first] where budget > 0 && runtime.context.time.monotonic < end {
            try Task.checkCancellation()
            var own = min(share, budget)
            budget -= own
            let isCrowded = crowded.contains(gap.aggregate)
            if try await repair(gap, isCrowded: isCrowded, reads: &own, now: now, until: end) { isGoingOn = true }
            budget += own
        }
        return isGoingOn
    }

    /// - Returns: whether something was found, or the stream has not been read to its end.
    private mutating func repair(
        _ gap: Gap, isCrowded: Bool, reads budget: inout Int, now: Timestamp, until end: Duration
    ) async throws -> Bool {
        var memory = memories[gap.aggregate] ?? Memory(trace: GapTrace(gap))
        if memory.trace.follow(gap) { (memory.attempts, memory.notBefore) = (0, .zero) }
        let age = now.since(gap.oldestParkedAt)
        let isOld = age > Self.searchPatience || age < .zero  // from the future: parked under a wrong clock
        let reader = GapReader(
            log: runtime.log, codec: runtime.codec, gap: gap,
            maySearch: isCrowded || runtime.desk.pending == 0 || isOld, isCrowded: isCrowded,
            time: runtime.context.time, end: end)
        let found = try await reader.read(&memory.trace, limit: Self.runLimit, budget: &budget)
        try Task.checkCancellation()
        if !found.isEmpty {
            try await apply(found)
        } else if memory.trace.isExhausted {
            backOff(&memory, runtime.context.time.monotonic)
        }
        memories[gap.aggregate] = memory
        return memory.notBefore <= runtime.context.time.monotonic
    }

    /// What was read belongs to the consumer's stream if that is still there when everything was read.
    private func apply(_ found: [LoggedMessage]) async throws {
        if !PlantedBug.anotherStreamApplied.isActive {
            try runtime.applier.registration.check(try await runtime.log.state(), for: runtime.settings.name)
        }
        var batch = Batch()
        for message in found {
            let decoded = runtime.decode(
                message.message, sequence: message.sequence, ticket: runtime.desk.ticket(), origin: .repair)
            if case .prepared(let arrival) = decoded { batch.arrivals.append(arrival) }
        }
        runtime.note(try await runtime.applier.apply(batch))
    }

    /// The stream was read as far as it helps, and the version is not there: it may still be on its way.
    private func backOff(_ memory: inout Memory, _ now: Duration) {
        memory.attempts += 1
        let bound = Self.policy.bound(beforeAttempt: memory.attempts + 1)
        memory.notBefore = now + bound / 2 + runtime.context.jitter(upTo: bound / 2)
        memory.trace.startAgain()
    }
}
