import TertibRuntime
import TertibCore

@testable import TertibTesting

// One rule of the contract broken at a time: the suite has to notice each.

/// A claim that compares the version alone.
final class ClaimsWithoutRevision: ForwardingTransaction {
    override func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        let rows = try base.watermarks(consumer, of: expected.map(\.aggregate))
        return try base.claim(
            consumer,
            expected.map { watermark in
                var believed = watermark
                if watermark.exists { believed.revision = rows[watermark.aggregate]?.revision ?? watermark.revision }
                return believed
            })
    }
}

/// A claim that compares the revision alone.
final class ClaimsWithoutVersion: ForwardingTransaction {
    override func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        let rows = try base.watermarks(consumer, of: expected.map(\.aggregate))
        return try base.claim(
            consumer,
            expected.map { watermark in
                var believed = watermark
                if watermark.exists { believed.version = rows[watermark.aggregate]?.version ?? watermark.version }
                return believed
            })
    }
}

/// A claim that loses everything where it has lost one row.
final class LosesWholeClaims: ForwardingTransaction {
    override func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        let won = try base.claim(consumer, expected)
        return won.count == expected.count ? won : [:]
    }
}

/// A claim that believes its caller.
final class BelievesItsCaller: ForwardingTransaction {
    override func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        let won = try base.claim(consumer, expected)
        return Dictionary(
            uniqueKeysWithValues: expected.filter { won[$0.aggregate] != nil }.map { watermark in
                var believed = watermark
                believed.revision += 1
                return (watermark.aggregate, believed)
            })
    }
}

/// Parking that replaces what is there.
final class ParksOver: ForwardingTransaction {
    override func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        for event in events { try base.replaceParked(consumer, event) }
        return []
    }
}

/// Parking that says nothing of what is there.
final class ParksSilently: ForwardingTransaction {
    override func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        _ = try base.park(consumer, events)
        return []
    }
}

/// Deleting that stops one short.
final class DeletesBelow: ForwardingTransaction {
    override func deleteParked(
        _ consumer: ConsumerName, of aggregate: Aggregate, through version: AggregateVersion
    ) throws -> Int {
        guard let previous = version.previous else { return 0 }
        return try base.deleteParked(consumer, of: aggregate, through: previous)
    }
}

/// A savepoint that undoes nothing.
final class SavesNothing: ForwardingTransaction {
    override func savepoint<Result>(_ body: () throws -> Result) throws -> Result { try body() }
}

/// Retries that are due at their time only, however far away a jump of the clock has put it.
final class TrustsTheClock: ForwardingTransaction {
    override func dueRetries(
        _ consumer: ConsumerName, now: Timestamp, maxDelay: Duration, limit: Int
    ) throws -> [Aggregate] {
        try base.dueRetries(consumer, now: now, maxDelay: .seconds(1_000_000_000), limit: limit)
    }
}

/// Gaps without a time limit.
final class NamesYoungGaps: ForwardingTransaction {
    override func gaps(_ consumer: ConsumerName, parkedBefore limitTime: Timestamp, limit: Int) throws -> [Gap] {
        try base.gaps(consumer, parkedBefore: limitTime.advanced(by: .seconds(3600)), limit: limit)
    }
}

/// A lease that nobody respects.
final class IgnoresLeases: ForwardingTransaction {
    override func claimOutbox(now: Timestamp, lease: Duration, limit: Int) throws -> [OutboxClaim] {
        try base.claimOutbox(now: now, lease: .zero, limit: limit)
    }
}

/// A head that is set without comparing.
final class SetsHeadsBlindly: ForwardingTransaction {
    override func compareAndSetHead(_ expected: AggregateHead?, to head: AggregateHead) throws -> Bool {
        try base.compareAndSetHead(try base.head(of: head.aggregate), to: head)
    }
}

/// A registration that the last one wins.
final class RegistersOver: ForwardingTransaction {
    override func registration(
        _ consumer: ConsumerName, insertingIfAbsent fresh: ConsumerRegistration
    ) throws -> ConsumerRegistration {
        try base.writeRegistration(consumer, fresh)
        return fresh
    }
}

/// Control statements that are let through as if they were harmless.
final class ForbidsNothing: ForwardingTransaction {
    override func execute(_ sql: String, arguments: [SQLValue]) throws -> Int {
        do {
            return try base.execute(sql, arguments: arguments)
        } catch let error as StoreError where error.code == .forbiddenStatement {
            return 0
        }
    }
}

/// Dead letters of which every repeat is a new one.
final class KeepsRepeats: ForwardingTransaction {
    override func saveDeadLetter(_ consumer: ConsumerName, _ deadLetter: DeadLetter) throws {
        let created = deadLetter.streamCreatedAt.advanced(by: .microseconds(Int64(deadLetter.attempts)))
        var other = deadLetter
        other.streamCreatedAt = created
        try base.saveDeadLetter(consumer, other)
    }
}
