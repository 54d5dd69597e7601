package import TertibCore
import TertibRuntime

/// Compares the state of each aggregate with the events that the stream has had.
package struct StateOracle: Oracle {
    package let id = "I1"
    package let name = "state-equals-history"
    package let statement =
        "each aggregate's state is its history up to the watermark, in order; what all of them share lost no update"
    private var history: [EventVersion: [EventID]] = [:]

    package init() {}

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .stored(_, let event?):
            let key = EventVersion(event.aggregate, event.version)
            if history[key]?.contains(event.id) != true { history[key, default: []].append(event.id) }
            return nil
        case .rest(let rest): return judge(rest)
        default: return nil
        }
    }

    private func judge(_ rest: RestObservation) -> String? {
        var versions = rest.states.mapValues { _ in AggregateVersion.none }
        for watermark in rest.watermarks { versions[watermark.aggregate] = watermark.version }
        for (aggregate, last) in versions.sorted(by: { $0.key < $1.key }) {
            let state = rest.states[aggregate] ?? []
            guard Int64(state.count) == last.number else {
                return "\(aggregate) has version \(last), and \(state.count) effects"
            }
            var version = AggregateVersion.none
            for id in state {
                guard let next = version.next else { break }
                version = next
                if history[EventVersion(aggregate, version)]?.contains(id) != true {
                    return "\(aggregate)@\(version) has the effect of \(id), which the stream does not have"
                }
            }
        }
        for (aggregate, fold) in rest.folds.sorted(by: { $0.key < $1.key }) where fold.stored != fold.expected {
            return "\(aggregate)'s row is \(fold.stored), and its events give \(fold.expected)"
        }
        for (name, total) in rest.tallies.sorted(by: { $0.key < $1.key }) where total != Int64(rest.ledger.count) {
            return "\(rest.ledger.count) events have raised the row \(name), and its value is \(total)"
        }
        return nil
    }
}

/// Keeps a ledger of its own.
package struct AppliedOnceOracle: Oracle {
    package let id = "I2"
    package let name = "applied-once"
    package let statement =
        "each version takes effect once, by its handler, and no second application is even tried behind the claim"
    private var applied: Set<LedgerEntry> = []
    private var attempted: Set<LedgerEntry> = []

    package init() {}

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .attempted(let entry):
            attempted.insert(entry)
            return nil
        case .appliedAgain(let entry):
            return "a second application of \(entry) was refused by the ledger alone"
        case .committed(let commit):
            for entry in commit.changes.flatMap(\.applied) {
                if !attempted.contains(entry) { return "\(entry) took effect without its handler" }
                if !applied.insert(entry).inserted { return "\(entry) took effect twice" }
            }
            return nil
        case .rest(let rest):
            let sum = rest.watermarks.reduce(Int64(0)) { $0 + $1.version.number }
            guard Int64(rest.ledger.count) != sum else { return nil }
            return "the watermarks add up to \(sum) events, and \(rest.ledger.count) took effect"
        default: return nil
        }
    }
}

/// Judges each commit by itself, and samples by those before.
///
/// Only the model checker reports a write without a claim: a real store refuses it.
package struct WatermarkOracle: Oracle {
    package let id = "I3"
    package let name = "watermarks-contiguous"
    package let statement =
        "in every committed state a watermark has risen by what took effect with it, and agrees with what is parked"
    private let allowsLeftovers: Bool
    private var sampled: [Aggregate: AggregateVersion] = [:]

    /// - Parameter allowsLeftovers: Whether a transaction may leave the rest of a drain to the sweeper, as one does that
    ///   may apply only a limited number of events; then its aggregate is in a gap although the next version is parked.
    package init(allowsLeftovers: Bool = false) {
        self.allowsLeftovers = allowsLeftovers
    }

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .wroteUnclaimed(let aggregate):
            return "\(aggregate) is written by a transaction that has not claimed it"
        case .committed(let commit): return commit.changes.lazy.compactMap(judge).first
        case .sampled(let sample):
            let before = sampled.updateValue(sample.version, forKey: sample.aggregate) ?? .none
            if sample.version < before { return "\(sample.aggregate) went back from \(before) to \(sample.version)" }
            guard let parked = sample.parked else { return nil }
            if parked.named != parked.found {
                return "\(sample.aggregate) says that \(parked.named) rows are parked, and there are \(parked.found)"
            }
            guard let lowest = parked.lowest, lowest <= sample.version else { return nil }
            return "\(sample.aggregate)@\(lowest) is parked although \(sample.version) is applied"
        default: return nil
        }
    }

    private func judge(_ change: CommitObservation.Change) -> String? {
        let aggregate = change.aggregate
        let before = change.before ?? Watermark(aggregate: aggregate)
        guard let after = change.after else {
            let isUntouched = change.parked.isEmpty && change.applied.isEmpty
            return isUntouched ? nil : "\(aggregate) has rows and no watermark"
        }
        if after.version < before.version { return "\(aggregate) went back from \(before.version) to \(after.version)" }
        let rise = after.version.number - before.version.number
        let versions = change.applied.map(\.version.number).sorted()
        guard rise == Int64(versions.count), versions == (0..<rise).map({ before.version.number + 1 + $0 }) else {
            return "\(aggregate) went from \(before.version) to \(after.version) with the effects of \(versions)"
        }
        let isChanged = change.changesParked || rise > 0 || after.status != before.status
        if isChanged, after.revision <= before.revision {
            return "\(aggregate) was changed and its revision stays \(after.revision)"
        }
        if let row = change.parked.first(where: { $0.version <= after.version }) {
            return "\(aggregate)@\(row.version) is parked although \(after.version) is applied"
        }
        // Of a fork, a copy of the event that stays may have been set aside before its first message came.
        let isDead = { (row: ParkedEvent) in
            change.deadLetters.contains {
                $0.eventID == row.eventID && $0.version == row.version && $0.reason != .forked
            }
        }
        if let row = change.parked.first(where: isDead) {
            return "\(aggregate)@\(row.version) is parked, and a dead letter too"
        }
        guard after.parked == change.parked.count else {
            return "\(aggregate) says that \(after.parked) rows are parked, and there are \(change.parked.count)"
        }
        return judgeStatus(change, after)
    }

    private func judgeStatus(_ change: CommitObservation.Change, _ after: Watermark) -> String? {
        let aggregate = change.aggregate
        if after.status == .ok, let row = change.parked.first {
            return "\(aggregate) at \(after.version) is ok, and version \(row.version) is parked"
        }
        if after.status == .gap, change.parked.isEmpty {
            return "\(aggregate) at \(after.version) is in a gap, and nothing is parked"
        }
        guard [.gap, .stuck].contains(after.status), !allowsLeftovers, !change.hasLeftovers else { return nil }
        guard let row = change.parked.first, row.version.follows(after.version) else { return nil }
        return "\(aggregate) waits for version \(row.version), which is parked"
    }
}

/// Compares a replica's counts with each other, and the outcomes of a batch with its deliveries.
///
/// The model checker reports batches, the other engines the counts of a replica that stops: the checker has no counters,
/// and a runtime does not say which delivery goes on into the next batch.
package struct DeliveriesOracle: Oracle {
    package let id = "I4"
    package let name = "deliveries-accounted"
    package let statement = "every delivery has exactly one outcome, and the counts say which"

    package init() {}

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .stopped(let counts, let received): judge(counts, received)
        case .settled(let batch): judge(batch)
        default: nil
        }
    }

    private func judge(_ counts: ConsumerCounts, _ received: Int) -> String? {
        guard counts.delivered == received else {
            return "a replica received \(received) deliveries and counts \(counts.delivered)"
        }
        let outcomes = [
            counts.appliedFromDelivery, counts.stale, counts.waiting, counts.parked, counts.deadLettered,
            counts.ignored, counts.letGo,
        ]
        let sum = outcomes.reduce(0, +)
        guard sum == counts.delivered else {
            return "of \(counts.delivered) deliveries \(sum) have an outcome: \(outcomes)"
        }
        let applied = counts.appliedFromDelivery + counts.drained + counts.repaired + counts.retried
        guard applied != counts.applied else { return nil }
        return "\(counts.applied) events were applied, and \(applied) by the way they came"
    }

    private func judge(_ batch: BatchObservation) -> String? {
        if let both = batch.acknowledged.intersection(batch.carried).min() {
            return "delivery \(both.number) is acknowledged, and goes on into the next batch"
        }
        if let foreign = batch.acknowledged.union(batch.carried).subtracting(batch.deliveries).min() {
            return "delivery \(foreign.number) has an outcome, and is none of the batch"
        }
        let forgotten = batch.deliveries.subtracting(batch.acknowledged).subtracting(batch.carried)
        guard !batch.givesBack, let first = forgotten.min() else { return nil }
        return "delivery \(first.number) of a batch has no outcome"
    }
}

/// Judges each acknowledgement by what the database has at that moment, and each commit by what was acknowledged before.
package struct AcknowledgementOracle: Oracle {
    package let id = "I5"
    package let name = "acknowledged-after-commit"
    package let statement = "what is acknowledged is applied, parked or a dead letter, at that moment and ever after"

    private struct Acknowledged: Hashable {
        let event: EventID
        let sequence: StreamSequence
    }

    /// What was acknowledged and may still be lost: by version, as nothing below the watermark is.
    private var open: [Aggregate: [AggregateVersion: [Acknowledged]]] = [:]

    package init() {}

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .acknowledged(let answer):
            guard answer.isWanted else { return nil }
            if let event = answer.event {
                let fact = Acknowledged(event: event.id, sequence: answer.sequence)
                open[event.aggregate, default: [:]][event.version, default: []].append(fact)
            }
            return answer.isDeadLetter ? nil : judge(answer)
        case .committed(let commit):
            for change in commit.changes {
                if let fault = judge(change) { return fault }
            }
            return nil
        default: return nil
        }
    }

    private func judge(_ answer: AcknowledgementObservation) -> String? {
        guard let event = answer.event else {
            return "the malformed message \(answer.sequence) is acknowledged and no dead letter"
        }
        if let parked = answer.parked {
            guard parked != event.id else { return nil }
            return "\(event.id) is acknowledged, and its version is parked as \(parked)"
        }
        guard let watermark = answer.watermark, event.version <= watermark.version else {
            let version = answer.watermark?.version ?? .none
            return "\(event.aggregate)@\(event.version) is acknowledged and not kept, at version \(version)"
        }
        guard watermark.version == event.version, let applied = watermark.eventID, applied != event.id else {
            return nil
        }
        return "\(event.id) is acknowledged as if it were \(applied), which has its version"
    }

    private mutating func judge(_ change: CommitObservation.Change) -> String? {
        guard var versions = open[change.aggregate], let after = change.after else { return nil }
        // What is below the watermark cannot be told from a duplicate any more.
        versions = versions.filter { $0.key >= after.version }
        open[change.aggregate] = versions
        for (version, facts) in versions.sorted(by: { $0.key < $1.key }) {
            for fact in facts where !isKept(fact, of: version, change, after) {
                return "\(fact.event) was acknowledged, and the database does not have it any more"
            }
        }
        return nil
    }

    private func isKept(
        _ fact: Acknowledged, of version: AggregateVersion, _ change: CommitObservation.Change, _ after: Watermark
    ) -> Bool {
        if version == after.version, after.eventID == nil || after.eventID == fact.event { return true }
        return change.parked.contains { $0.version == version && $0.eventID == fact.event }
            || change.deadLetters.contains {
                $0.streamSequence == fact.sequence || $0.version == version && $0.eventID == fact.event
            }
    }
}

/// At rest nothing may wait without a reason. A reason is: the next version is not in the stream (any more), or the
/// aggregate is quarantined by a dead letter.
package struct RestOracle: Oracle {
    package let id = "I6"
    package let name = "rests"
    package let statement =
        "when faults stop, everything is delivered, answered, applied and published, and no replica is busy"
    private let types: Set<AggregateType>?
    private let isOrderly: Bool
    /// More calls to the store than these, in a second in which nothing happens, are a busy loop.
    private let idleLimit = 15.0

    /// - Parameter types: The types that the consumer takes; `nil` for all.
    package init(types: Set<AggregateType>? = nil, isOrderly: Bool = false) {
        self.types = types
        self.isOrderly = isOrderly
    }

    package mutating func observe(_ observation: Observation) -> String? {
        if case .stillMoving(let reason) = observation { return "not at rest: \(reason)" }
        guard case .rest(let rest) = observation, !rest.isStopped else { return nil }
        if rest.unanswered > 0 { return "\(rest.unanswered) messages are not delivered, or not answered" }
        if let row = rest.unpublished.first { return "\(row.aggregate)@\(row.version) is staged and not published" }
        if rest.idleCalls > idleLimit { return "an idle replica makes \(Int(rest.idleCalls)) store calls a second" }
        return firstWaiting(rest) ?? firstSilentFork(rest)
    }

    private func firstWaiting(_ rest: RestObservation) -> String? {
        var versions: [Aggregate: Set<AggregateVersion>] = [:]
        for event in rest.events where types?.contains(event.aggregate.type) ?? true {
            versions[event.aggregate, default: []].insert(event.version)
        }
        let watermarks = Dictionary(rest.watermarks.map { ($0.aggregate, $0) }, uniquingKeysWith: { first, _ in first })
        let dead = Set(rest.deadLetters.compactMap(\.aggregate))
        for aggregate in versions.keys.sorted() {
            let watermark = watermarks[aggregate] ?? Watermark(aggregate: aggregate)
            guard let next = watermark.version.next, versions[aggregate]?.contains(next) == true else { continue }
            if watermark.status != .quarantined || !dead.contains(aggregate) {
                return "\(aggregate) stands at \(watermark.version) (\(watermark.status)) although the stream has "
                    + "version \(next)"
            }
        }
        for row in rest.parked {
            switch watermarks[row.aggregate]?.status {
            case nil: return "\(row.aggregate)@\(row.version) is parked and has no watermark"
            case .retrying?: return "\(row.aggregate)@\(row.version) still waits for an attempt"
            case .quarantined?: continue
            default: if isOrderly { return "\(row.aggregate)@\(row.version) is still parked (\(row.reason))" }
            }
        }
        for row in rest.watermarks where isOrderly && row.status != .ok {
            if row.status != .quarantined || !dead.contains(row.aggregate) {
                return "\(row.aggregate) is still \(row.status)"
            }
        }
        return nil
    }

    /// Of two events of one version, the one that is not applied shows as a dead letter, and only that.
    private func firstSilentFork(_ rest: RestObservation) -> String? {
        guard !isOrderly else { return nil }  // the copies that it would count by are not in `events`
        let applied = Set(rest.ledger.map(\.eventID))
        for letter in rest.deadLetters where letter.reason == .forked {
            guard let id = letter.eventID, applied.contains(id), rest.events.count(where: { $0.id == id }) == 1
            else { continue }
            return "\(id) is applied, and a dead letter too"
        }
        return nil
    }
}

/// Which handlers fail is known beforehand, or reported when it happens.
package struct PoisonOracle: Oracle {
    package let id = "I7"
    package let name = "others-unaffected"
    package let statement = "a bad event is blamed itself, after all its attempts, and stops its own aggregate only"
    private var bad: Set<EventVersion>
    private var failing: Set<EventVersion>?
    private let maxAttempts: Int
    private let leastFailures: Int
    private var failures: [EventVersion: Int] = [:]
    private var forked: Set<Aggregate> = []
    private var events: [EventVersion: EventID] = [:]

    /// - Parameters:
    ///   - failing: The events whose handlers fail; `nil` if others may be blamed as well.
    ///   - bad: Those that always fail.
    ///   - maxAttempts: The number of attempts after which an event is a dead letter.
    ///   - leastFailures: The number of reported failures that make an event bad.
    package init(
        failing: Set<EventVersion>?, bad: Set<EventVersion>, maxAttempts: Int = 1, leastFailures: Int = 1
    ) {
        self.failing = failing
        self.bad = bad
        self.maxAttempts = maxAttempts
        self.leastFailures = leastFailures
    }

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .stored(_, let event?):
            let key = EventVersion(event.aggregate, event.version)
            if let known = events[key], known != event.id { forked.insert(event.aggregate) }
            events[key] = events[key] ?? event.id
            return nil
        case .handlerFailed(let entry):
            failing?.insert(entry.key)
            failures[entry.key, default: 0] += 1
            if failures[entry.key, default: 0] >= leastFailures { bad.insert(entry.key) }
            return nil
        case .committed(let commit): return commit.changes.lazy.compactMap(judge).first
        case .delayed(let without, let with):
            // Some time besides, for a machine that does other things too.
            guard with > 5 * without + 10 else { return nil }
            return "events took \(with) s among poisoned aggregates, and \(without) s without them"
        case .rest(let rest): return rest.deadLetters.lazy.compactMap(judge).first
        default: return nil
        }
    }

    private func judge(_ letter: DeadLetter) -> String? {
        let name = "\(letter.aggregate.map { "\($0)" } ?? letter.subject)@\(letter.version ?? .none)"
        let key = letter.aggregate.flatMap { aggregate in letter.version.map { EventVersion(aggregate, $0) } }
        switch letter.reason {
        case .failed where key.map(bad.contains) != true: return "\(name) is blamed, and its handler does not fail"
        case .forked where letter.aggregate.map(forked.contains) != true:
            return "\(name) is a dead letter as forked, and no version has two events"
        default: return nil
        }
    }

    private func judge(_ change: CommitObservation.Change) -> String? {
        if let fault = judgeBlame(change) { return fault }
        guard let after = change.after, after.status != change.before?.status, let next = after.version.next else {
            return nil
        }
        let key = EventVersion(change.aggregate, next)
        if after.status == .quarantined, !forked.contains(change.aggregate), !bad.contains(key) {
            return "\(change.aggregate) is quarantined at \(next), and its handler does not fail for good"
        }
        guard after.status == .retrying, let failing, !failing.contains(key) else { return nil }
        return "\(change.aggregate)@\(next) is to be tried again, and its handler did not fail"
    }

    private func judgeBlame(_ change: CommitObservation.Change) -> String? {
        for row in change.parked where row.attempts > 0 || row.reason == .retry {
            guard let failing, !failing.contains(EventVersion(change.aggregate, row.version)) else { continue }
            return "\(change.aggregate)@\(row.version) is blamed, and its handler does not fail"
        }
        for letter in change.deadLetters where letter.reason == .failed && letter.attempts < maxAttempts {
            return "\(change.aggregate)@\(letter.version ?? .none) is a dead letter after \(letter.attempts) of "
                + "\(maxAttempts) attempts"
        }
        var dead: Set<AggregateVersion> = []
        for letter in change.deadLetters where letter.reason == .failed {
            guard let version = letter.version, !dead.insert(version).inserted else { continue }
            return "\(change.aggregate)@\(version) has several dead letters"
        }
        return nil
    }
}

/// Only a test with processes reports memory.
package struct LimitOracle: Oracle {
    package let id = "I8"
    package let name = "within-limits"
    package let statement = "parked rows and memory stay within their limits, and only aggregates have watermarks"
    private var maxParkedPerAggregate: Int
    private let maxParkedInAll: Int
    private let maxMegabytes: Int
    private var aggregates: Set<Aggregate> = []
    private var hasTooMuchMemory = false

    package init(maxParkedPerAggregate: Int, maxParkedInAll: Int, maxMegabytes: Int = .max) {
        self.maxParkedPerAggregate = maxParkedPerAggregate
        self.maxParkedInAll = maxParkedInAll
        self.maxMegabytes = maxMegabytes
    }

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .limitRaised(let limit): maxParkedPerAggregate = limit
        case .stored(_, let event?): aggregates.insert(event.aggregate)
        case .committed(let commit): return judge(commit)
        case .memory(let process, let megabytes) where megabytes > maxMegabytes && !hasTooMuchMemory:
            hasTooMuchMemory = true  // once is enough
            return "\(process) uses \(megabytes) megabytes"
        case .rest(let rest):
            guard let row = rest.watermarks.first(where: { !aggregates.contains($0.aggregate) }) else { return nil }
            return "\(row.aggregate) has a watermark, and the stream never had an event of it"
        default: break
        }
        return nil
    }

    /// A row that waits for its next attempt is exempt.
    private func judge(_ commit: CommitObservation) -> String? {
        for change in commit.changes {
            let count = change.parked.count { $0.reason == .gap || $0.reason == .behindFailure }
            if count > maxParkedPerAggregate {
                return "\(count) rows of \(change.aggregate) are parked, and the limit is \(maxParkedPerAggregate)"
            }
        }
        guard commit.parkedInAll > maxParkedInAll else { return nil }
        return "\(commit.parkedInAll) rows are parked, and the limit is \(maxParkedInAll)"
    }
}
