#if TERTIB_PLANTED_BUGS
    internal import Synchronization
#endif

/// A bug that stands in the code on purpose, so that the verification can show that it would find it.
///
/// A site asks `PlantedBug.name.isActive`. Without the compilation condition `TERTIB_PLANTED_BUGS`, which only
/// `make mutants` sets, the answer is the constant `false` and the optimiser removes the site. With it, the active bug
/// is chosen at run time, for the whole process. Bugs whose wrong code needs more than a line have it in the file
/// `PlantedSequences.swift` of their module.
package enum PlantedBug: UInt8, CaseIterable, Sendable {
    // MARK: Identities

    /// Two ids are equal when Swift's strings are: one composed character is the same as its parts.
    case idsComparedCanonically

    // MARK: Verdicts and passes

    /// A duplicate is taken for a gap: the check of the tutorials.
    case staleTreatedAsGap
    /// `v < w` where `v <= w` decides that an event is stale.
    case staleIsStrictlyBelow
    /// An event is applied although versions before it are missing.
    case gapIsApplied
    /// A batch is applied in the order of the stream, not of the versions.
    case orderedBySequence
    /// A second event of the watermark's version counts as a duplicate.
    case forkIgnored
    /// A second event of a parked version counts as a duplicate.
    case forkAgainstParkedIgnored
    /// Of two events of one version that are parked together the second one counts as a copy.
    case forkInBatchIgnored
    /// A fork is known by a letter of a copy that stands behind the event that was applied.
    case forkKnownByItsCopy
    /// A parked event keeps the place of the copy that came first, though another one stands before it.
    case parkedCopyKeepsPlace
    /// An applied event keeps the place of the copy that came first, though another one stands before it.
    case appliedCopyKeepsPlace
    /// An aggregate stays quarantined when the event that was applied turns out to stand before the other one.
    case wrongQuarantineStays
    /// Applying a parked event does not raise the watermark.
    case drainForgetsWatermark
    /// Rows that were drained stay.
    case drainKeepsRows
    /// A batch applies what it brought and leaves what is parked behind it to the sweeper.
    case drainLeftToSweeper
    /// The count of parked rows is not lowered by a drain.
    case parkedCountDrifts
    /// A failure within a drain is blamed on the event before it.
    case drainBlamesPredecessor
    /// A failing event's attempts are not counted, so that it never becomes a dead letter.
    case attemptsForgotten
    /// A second delivery of an event that fails is parked beside its retry.
    case failedCopyParked
    /// A redelivered dead letter is parked again.
    case deadLetterParkedAgain
    /// An event beyond the parked limit is left to the broker, and the copy of it in the same batch acknowledged.
    case overflowCopyAcknowledged

    // MARK: Batches

    /// Gaps are parked without touching the watermark's row.
    case parkWithoutClaim
    /// Parking goes on after the claim was lost.
    case parkAfterLostClaim
    /// The claim compares with a second read, and whether there is something to drain is decided by the first.
    case drainDecidedByFirstRead
    /// The watermark is written without a compare-and-set on the version that was decided on.
    case watermarkWithoutCompareAndSet
    /// Deliveries of an aggregate whose claim was lost count as stale.
    case lostClaimIsSuccess
    /// The handler runs before the claim.
    case handlerBeforeClaim
    /// A failing handler's writes are not undone.
    case savepointForgotten
    /// A conflict with a neighbour counts as the handler's failure.
    case conflictIsAttempt

    // MARK: Loops

    /// Deliveries are acknowledged before their transaction.
    case acknowledgedBeforeCommit
    /// The second of two equal deliveries is acknowledged before the transaction that applies the first.
    case duplicateAcknowledgedEarly
    /// The whole batch is acknowledged, whatever the transaction says.
    case wholeBatchAcknowledged
    /// A delivery that waits in memory is acknowledged.
    case heldIsAcknowledged
    /// What lost its claim does not join the next batch.
    case lostClaimForgotten
    /// What a limit of the parked rows leaves no room for is not tried again.
    case overflowForgotten
    /// A commit whose outcome is unknown is acknowledged.
    case unknownCommitAcknowledged
    /// At shutdown and pause everything in hand is acknowledged.
    case acknowledgedAtShutdown
    /// The effect commits in a transaction of its own, before the watermark.
    case effectBeforeWatermark
    /// The watermark commits in a transaction of its own, before the effect.
    case watermarkBeforeEffect
    /// The sweeper does not ask for drains that are left over.
    case leftoversNotSwept
    /// The sweeper does not ask for retries that are due.
    case retriesNotSwept
    /// Gap repair follows pointers only, and never searches.
    case repairNeverSearches

    // MARK: Publishing

    /// An outbox row is marked as published although the stream has not said so.
    case markedWithoutAcknowledgement
    /// The relay publishes the rows of an aggregate in the wrong order, without the expectation that would refuse it.
    case relayOutOfOrder
    /// A publish that is tried again has a new event id.
    case retryMintsNewID
    /// A relay's run goes on past a row that has to wait.
    case relayPassesOverUndecided
    /// A publish whose event is there already takes it for another writer's.
    case ownEventNotRecognised
    /// Of several events to append the receipts of the first ones are lost when a later one fails.
    case partialAppendForgotten
    /// Where the stream has lost its tail, the next version is published behind whatever the subject has.
    case lostTailPassed
    /// What was read from the stream is applied although the stream is another one by then.
    case anotherStreamApplied

    /// Whether this build can have bugs at all.
    package static var arePossible: Bool {
        #if TERTIB_PLANTED_BUGS
            true
        #else
            false
        #endif
    }

    /// Whether it sits in the loops around the transactions, so that only the real runtime can show it.
    package var needsRuntime: Bool {
        switch self {
        case .acknowledgedBeforeCommit, .duplicateAcknowledgedEarly, .unknownCommitAcknowledged,
            .acknowledgedAtShutdown, .effectBeforeWatermark, .watermarkBeforeEffect, .repairNeverSearches,
            .markedWithoutAcknowledgement, .relayOutOfOrder, .retryMintsNewID, .relayPassesOverUndecided,
            .ownEventNotRecognised, .partialAppendForgotten, .lostTailPassed, .anotherStreamApplied:
            true
        default:
            false
        }
    }

    /// Whether it sits in the relay's round, so that the worlds of relays have to show it.
    package var isRelays: Bool {
        switch self {
        case .markedWithoutAcknowledgement, .relayOutOfOrder, .retryMintsNewID, .relayPassesOverUndecided,
            .ownEventNotRecognised:
            true
        default:
            false
        }
    }

    /// Whether it is in force.
    @inlinable @inline(__always)
    package var isActive: Bool {
        #if TERTIB_PLANTED_BUGS
            PlantedBug.isInForce(rawValue)
        #else
            false
        #endif
    }

    /// Puts a bug in force in the whole process, in place of the one before. Traps in a build that can have none.
    package static func plant(_ bug: PlantedBug?) {
        #if TERTIB_PLANTED_BUGS
            code.store(bug?.rawValue ?? nothing, ordering: .relaxed)
        #else
            precondition(bug == nil, "this build has no planted bugs: build it with -DTERTIB_PLANTED_BUGS")
        #endif
    }
}

#if TERTIB_PLANTED_BUGS
    extension PlantedBug {
        private static let nothing = UInt8.max
        private static let code = Atomic<UInt8>(nothing)

        @usableFromInline
        package static func isInForce(_ number: UInt8) -> Bool { code.load(ordering: .relaxed) == number }
    }
#endif
