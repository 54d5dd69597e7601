/// The calls of the two ports, by kind.
package enum PortCall: String, Hashable, Sendable, CaseIterable {
    // `EventLog` and `DeliverySource`. A `next` that brings nothing is not counted.
    case state, publish, message, firstMessage, lastMessage, subscribe, consumerState
    case next, answer, suspend
    // `ConsumerStore`. A `batchCommit` is that of a transaction that has claimed watermarks.
    case begin, commit, batchCommit, read
    // `StoreTransaction`. An `effect` is a statement of the user's that writes, a `handlerEffect` one behind a claim, and
    // a `drainEffect` one behind a read that has found parked rows.
    case savepoint, effect, handlerEffect, drainEffect, query, settle
    case watermarks, claim, write, parked, park, replaceParked, deleteParked, saveDeadLetter, openDeadLetters
    case leftoverDrains, dueRetries, gaps, parkedCount, registration, writeRegistration
    case head, compareAndSetHead, insertOutbox, claimOutbox, markPublished, releaseOutbox, reopenOutbox
    case deletePublished
}

/// A place at which a replica can end: before or after a call of one of its ports, or half-way through it.
///
/// Between two calls of the ports everything is pure, so that these are all the places there are.
package struct CrashSite: Hashable, Sendable {
    /// Where, relative to the call.
    package enum Side: String, Hashable, Sendable, CaseIterable {
        case before
        /// Of a commit: it has been sent, and its outcome is not known. Of an answer: half of the deliveries have it.
        case halfway
        case after
    }

    package let call: PortCall
    package let side: Side

    package init(_ call: PortCall, _ side: Side) {
        self.call = call
        self.side = side
    }

    /// Every site.
    package static let all: [CrashSite] = PortCall.allCases.flatMap { call in
        Side.allCases.filter { $0 != .halfway || [.commit, .batchCommit, .answer].contains(call) }.map {
            CrashSite(call, $0)
        }
    }

    /// The sites that matter most, under names of their own.
    package static let named: KeyValuePairs<String, CrashSite> = [
        // Deliveries have arrived, nothing has begun.
        "afterFetch": CrashSite(.next, .after),
        // A batch's transaction has begun.
        "afterBegin": CrashSite(.watermarks, .before),
        // The batch's watermark rows are claimed.
        "afterClaim": CrashSite(.claim, .after),
        // A handler has written.
        "afterHandler": CrashSite(.handlerEffect, .after),
        // Everything is written, and the commit has not been sent.
        "beforeCommit": CrashSite(.batchCommit, .before),
        "commitSent": CrashSite(.batchCommit, .halfway),
        // The transaction has committed, nothing is acknowledged.
        "afterCommit": CrashSite(.batchCommit, .after),
        "midAcknowledge": CrashSite(.answer, .halfway),
        "midPark": CrashSite(.park, .after),
        // A parked event has been applied by a drain.
        "midDrain": CrashSite(.drainEffect, .after),
        // What one aggregate has drained is deleted, and what another has is not.
        "betweenDrains": CrashSite(.deleteParked, .after),
        // The relay has claimed outbox rows, and published none or some of them.
        "relayAfterClaim": CrashSite(.publish, .before),
        "relayMidPublish": CrashSite(.publish, .after),
        // The stream has acknowledged, and the rows are not marked.
        "relayAfterPublish": CrashSite(.markPublished, .before),
    ]

    /// The names of ``named``, in order.
    package static var names: [String] { named.map(\.key) }
}

extension CrashSite: LosslessStringConvertible {
    /// Reads a name, or a call and a side (`claim.after`).
    package init?(_ description: String) {
        if let site = Self.named.first(where: { $0.key == description })?.value {
            self = site
            return
        }
        guard let site = Self.all.first(where: { "\($0.call).\($0.side)" == description }) else { return nil }
        self = site
    }

    /// Its name, or call and side.
    package var description: String {
        Self.named.first { $0.value == self }?.key ?? "\(call).\(side)"
    }
}
