/// One round of a relay: claim rows of many aggregates, publish them, mark what was published.
///
/// The claim only keeps other relays from doing the same work: the fence is the expectation of each publish
/// (``RelayRun``). So a round may end anywhere, and what it leaves is published by a later one.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | counting | no row | finished |
/// | counting | rows | claiming |
/// | claiming | nothing | finished |
/// | claiming | all rows that there are | publishing, one row of each aggregate |
/// | claiming | some of them | reading the rows behind the claimed ones |
/// | reading | rows | publishing, up to ``RelayRun/limit`` rows of each aggregate |
/// | publishing | ran | marking; finished when there is nothing to mark |
/// | marking | marked | finished |
package struct RelayRound: Hashable, Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Count the unpublished rows.
        case count
        /// In one transaction claim the lowest unpublished row of up to `limit` aggregates for the time of `lease`.
        case claim(limit: Int, lease: Duration)
        /// Read the unpublished rows of these aggregates, at most `limit` of each.
        case readRows(of: [Aggregate], limit: Int)
        /// Take these runs to their end, side by side. One that fails costs the others nothing.
        case publish([RelayRun])
        /// Write what became of the rows, in one transaction.
        case mark([RelayMark])
        /// The round is over; the number of rows that it has published.
        case finished(published: Int)
        /// The round is over, and has published nothing because its runs failed: their error is to be thrown.
        case failed
    }

    /// What has happened.
    package enum Input: Hashable, Sendable {
        /// How many rows are unpublished.
        case counted(Int)
        /// What was claimed.
        case claimed([OutboxClaim])
        /// The rows that were read, by version.
        case rows([Aggregate: [OutboxRow]])
        /// What the runs came to, and whether one of them failed.
        case ran([RelayMark], isFailing: Bool)
        /// The marks are written.
        case marked
    }

    /// How long a claim keeps other relays away: a killed relay's aggregates do not stand still for longer.
    package static let lease: Duration = .seconds(5)

    private let inFlight: Int
    private let codec: WireCodec
    private var state = State.counting

    private enum State: Hashable, Sendable {
        case counting
        case claiming(unpublished: Int)
        case reading([OutboxClaim])
        case publishing
        case marking(published: Int, isFailing: Bool)
        case finished
    }

    /// Prepares a round that publishes rows of at most `inFlight` aggregates.
    package init(inFlight: Int, codec: WireCodec) {
        self.inFlight = inFlight
        self.codec = codec
    }

    /// The first step.
    package mutating func begin() -> Step { .count }

    /// The step that follows from an input. Traps on an input that the last step did not ask for.
    package mutating func next(_ input: Input) -> Step {
        switch (state, input) {
        case (.counting, .counted(let rows)):
            guard rows > 0 else { return finish(published: 0, isFailing: false) }
            state = .claiming(unpublished: rows)
            return .claim(limit: inFlight, lease: Self.lease)
        case (.claiming(let unpublished), .claimed(let claims)):
            guard !claims.isEmpty else { return finish(published: 0, isFailing: false) }
            guard unpublished > claims.count else { return publish(claims, [:]) }
            state = .reading(claims)
            return .readRows(of: claims.map(\.row.aggregate), limit: RelayRun.limit)
        case (.reading(let claims), .rows(let rows)):
            // While the lease lasts no other relay takes a row of these aggregates.
            return publish(claims, rows)
        case (.publishing, .ran(let marks, let isFailing)):
            let published = marks.count(where: \.isPublished)
            guard !marks.isEmpty else { return finish(published: 0, isFailing: isFailing) }
            state = .marking(published: published, isFailing: isFailing)
            return .mark(marks)
        case (.marking(let published, let isFailing), .marked):
            return finish(published: published, isFailing: isFailing)
        case (.counting, _), (.claiming, _), (.reading, _), (.publishing, _), (.marking, _), (.finished, _):
            preconditionFailure("a relay's round does not expect \(input)")
        }
    }

    private mutating func publish(_ claims: [OutboxClaim], _ rows: [Aggregate: [OutboxRow]]) -> Step {
        state = .publishing
        return .publish(
            claims.map { RelayRun($0, following: rows[$0.row.aggregate] ?? [], codec: codec) })
    }

    private mutating func finish(published: Int, isFailing: Bool) -> Step {
        state = .finished
        return published == 0 && isFailing ? .failed : .finished(published: published)
    }
}

/// The loop around a relay's rounds: when to run one, when to delete old rows, how long to wait.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | running a round | published | a round again; waiting when there was nothing to publish; before either, every ten seconds, cleaning |
/// | running a round, cleaning | failed | waiting, longer after each failure |
/// | cleaning | deleted as many rows as one transaction may | cleaning |
/// | cleaning | deleted fewer | as after the round before it |
/// | waiting | waited | a round |
///
/// The first failure and the first success after it are reported, before the step that follows.
package struct RelayLoop: Hashable, Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Run a round.
        case round
        /// Delete at most `limit` rows that were published longer ago than the holding time.
        case clean(limit: Int)
        /// Wait for a time drawn evenly between the two, or until something is staged.
        case wait(atLeast: Duration, atMost: Duration)
        /// Report that the relay cannot publish, and why.
        case reportOutage(String)
        /// Report that the relay publishes again.
        case reportRecovery
    }

    /// What has happened.
    package enum Input: Hashable, Sendable {
        /// A round has published this number of rows.
        case published(Int)
        /// This number of rows was deleted.
        case deleted(Int)
        /// A round, or a deletion, has failed, for this reason.
        case failed(String)
        /// The wait is over.
        case waited
        /// The report is made.
        case reported
    }

    /// Maximum number of rows that one transaction deletes.
    private static let cleaningLimit = 5000
    private static let cleaningInterval: Duration = .seconds(10)
    private static let backoff = RetryPolicy(initialDelay: .milliseconds(250), maxDelay: .seconds(5))

    private let pollInterval: Duration
    private var failures = 0
    private var lastCleaning = Duration.zero
    private var published = 0

    /// Prepares a loop that waits about as long as `pollInterval` when there is nothing to publish.
    package init(pollInterval: Duration) {
        self.pollInterval = pollInterval
    }

    /// The first step.
    package mutating func begin() -> Step { .round }

    /// The step that follows from an input. Times are those of a monotonic clock.
    package mutating func next(_ input: Input, now: Duration) -> Step {
        switch input {
        case .published(let count):
            published = count
            guard failures == 0 else {
                failures = 0
                return .reportRecovery
            }
            return afterRound(now)
        case .deleted(Self.cleaningLimit): return .clean(limit: Self.cleaningLimit)
        case .deleted: return goOn()
        case .failed(let reason):
            failures += 1
            return failures == 1 ? .reportOutage(reason) : wait()
        case .reported: return failures == 0 ? afterRound(now) : wait()
        case .waited: return .round
        }
    }

    private mutating func afterRound(_ now: Duration) -> Step {
        guard now - lastCleaning > Self.cleaningInterval else { return goOn() }
        lastCleaning = now
        return .clean(limit: Self.cleaningLimit)
    }

    private func goOn() -> Step {
        published > 0 ? .round : .wait(atLeast: pollInterval / 2, atMost: pollInterval / 2 * 3)
    }

    private func wait() -> Step {
        let bound = Self.backoff.bound(beforeAttempt: failures + 1)
        return .wait(atLeast: bound / 2, atMost: bound)
    }
}
