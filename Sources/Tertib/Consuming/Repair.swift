import Logging
import TertibCore

/// Reads the versions that a gap misses straight from the stream, and applies them at once; the neighbour that holds
/// them finds them stale. Verdicts come from versions only; pointers only locate.
struct Repair: Sendable {
    let runtime: ConsumerRuntime
    private var backoffs: [Aggregate: Backoff] = [:]

    /// At most so many reads in one sweep: the rate limit of a replica.
    private static let readBudget = 512
    /// At most so many versions of one aggregate in one repair.
    private static let runLimit = 256
    /// While the broker still has undelivered messages, a search (not a pointer) waits until a gap is this old.
    private static let searchPatience: Duration = .seconds(5)
    private static let policy = RetryPolicy(initialDelay: .milliseconds(250), maxDelay: .seconds(30))

    private struct Backoff {
        var watermark: AggregateVersion
        var attempts: Int
        var notBefore: Duration
    }

    init(runtime: ConsumerRuntime) {
        self.runtime = runtime
    }

    /// Repairs what can be repaired; a gap that stays backs off. `now` is the database's time.
    mutating func run(_ gaps: [Gap], now: Timestamp) async throws {
        let monotonic = runtime.context.time.monotonic
        let known = Set(gaps.map(\.aggregate))
        backoffs = backoffs.filter { known.contains($0.key) || $0.value.notBefore > monotonic }
        var budget = Self.readBudget
        for gap in gaps where budget > 0 && isDue(gap, monotonic) {
            let maySearch = runtime.desk.pending == 0 || now.since(gap.oldestParkedAt) > Self.searchPatience
            var reader = GapReader(
                log: runtime.log, codec: runtime.codec, gap: gap, budget: budget, maySearch: maySearch)
            let found = try await reader.read(limit: Self.runLimit)
            budget = reader.budget
            if found.isEmpty {
                backOff(gap, monotonic)
            } else {
                try await apply(found)
            }
        }
    }

    private func apply(_ found: [LoggedMessage]) async throws {
        var batch = Batch()
        for message in found {
            let decoded = runtime.decode(
                message.message, sequence: message.sequence, ticket: runtime.desk.ticket(), origin: .repair)
            if case .prepared(let arrival) = decoded { batch.arrivals.append(arrival) }
        }
        runtime.note(try await runtime.applier.apply(batch))
    }

    private func isDue(_ gap: Gap, _ now: Duration) -> Bool {
        guard let backoff = backoffs[gap.aggregate], backoff.watermark == gap.watermark else { return true }
        return backoff.notBefore <= now
    }

    private mutating func backOff(_ gap: Gap, _ now: Duration) {
        var backoff = backoffs[gap.aggregate] ?? Backoff(watermark: gap.watermark, attempts: 0, notBefore: now)
        if backoff.watermark != gap.watermark { backoff.attempts = 0 }
        backoff.watermark = gap.watermark
        backoff.attempts += 1
        let bound = Self.policy.bound(beforeAttempt: backoff.attempts + 1)
        backoff.notBefore = now + bound / 2 + runtime.context.jitter(upTo: bound / 2)
        backoffs[gap.aggregate] = backoff
    }
}

/// Finds the versions that one gap misses.
struct GapReader {
    let log: any EventLog
    let codec: WireCodec
    let gap: Gap
    /// How many reads are left.
    private(set) var budget: Int
    let maySearch: Bool

    init(log: any EventLog, codec: WireCodec, gap: Gap, budget: Int, maySearch: Bool) {
        self.log = log
        self.codec = codec
        self.gap = gap
        self.budget = budget
        self.maySearch = maySearch
    }

    /// The run of versions directly above the watermark, as far as the stream has them; empty when it has not even the
    /// first. Of two messages of one version the lower sequence.
    mutating func read(limit: Int) async throws(EventLogError) -> [LoggedMessage] {
        guard let wanted = gap.watermark.next else { return [] }
        var found = try await followPointers()
        if found[wanted] == nil, maySearch { found.merge(try await search(limit: limit)) { $1 } }
        var run: [LoggedMessage] = []
        var version = wanted
        while let message = found[version], run.count < limit {
            run.append(message)
            guard let next = version.next else { break }
            version = next
        }
        return run
    }

    /// From the lowest parked event back: each event that was published with an expectation names its predecessor.
    private mutating func followPointers() async throws(EventLogError) -> [AggregateVersion: LoggedMessage] {
        let subject = codec.mapping.subject(of: gap.aggregate)
        guard let parked = try? StoredEnvelope.decode(gap.lowestStored, subject: subject) else { return [:] }
        var found: [AggregateVersion: LoggedMessage] = [:]
        var pointer = parked.predecessor
        var above = gap.lowestParked
        while let sequence = pointer, sequence != .none, budget > 0 {
            budget -= 1
            var message = try await log.message(at: sequence, from: .anyReplica)
            if message == nil { message = try await log.message(at: sequence, from: .leader) }
            guard let message, let envelope = try? codec.decode(message.message),
                envelope.aggregate == gap.aggregate, envelope.version < above, envelope.version > gap.watermark
            else { break }
            found[envelope.version] = message
            if envelope.version.follows(gap.watermark) { break }
            above = envelope.version
            pointer = message.message.predecessor
        }
        return found
    }

    /// Through the aggregate's subject from its first message on: stream order need not be version order.
    private mutating func search(limit: Int) async throws(EventLogError) -> [AggregateVersion: LoggedMessage] {
        let subject = codec.mapping.subject(of: gap.aggregate)
        let missing = Int(gap.lowestParked.number - gap.watermark.number) - 1
        var found: [AggregateVersion: LoggedMessage] = [:]
        var position = StreamSequence(1)
        while budget > 0, found.count < min(missing, limit) {
            budget -= 1
            guard let message = try await log.firstMessage(on: subject, from: position, source: .leader) else { break }
            position = StreamSequence(message.sequence.number + 1)
            guard let envelope = try? codec.decode(message.message), envelope.aggregate == gap.aggregate,
                envelope.version > gap.watermark, envelope.version < gap.lowestParked
            else { continue }
            if found[envelope.version] == nil { found[envelope.version] = message }
        }
        return found
    }
}

extension WireMessage {
    /// The sequence of the event before this one on its subject, where the publisher has said it: the expectation that
    /// the broker enforced.
    var predecessor: StreamSequence? {
        let values = values(of: Header.expectedLastSubjectSequence)
        guard values.count == 1 else { return nil }
        return values.first.flatMap { StreamSequence(wire: String(decoding: $0, as: UTF8.self)) }
    }
}
