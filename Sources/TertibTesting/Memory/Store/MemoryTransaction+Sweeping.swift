import TertibRuntime
import TertibCore

extension MemoryTransaction {
    func leftoverDrains(_ consumer: ConsumerName, limit: Int) throws -> [Aggregate] {
        try perform(.leftoverDrains) { core, snapshot in
            let view = MemoryView(core: core, snapshot: snapshot, transaction: id)
            let drains = view.waiting(consumer).filter { waiting in
                [.ok, .gap].contains(waiting.watermark.status)
                    && waiting.rows.contains { $0.version.follows(waiting.watermark.version) }
            }
            return Array(drains.map(\.watermark.aggregate).prefix(limit))
        }
    }

    func dueRetries(
        _ consumer: ConsumerName, now: Timestamp, maxDelay: Duration, limit: Int
    ) throws -> [Aggregate] {
        try perform(.dueRetries) { core, snapshot in
            let view = MemoryView(core: core, snapshot: snapshot, transaction: id)
            let horizon = now.advanced(by: maxDelay)
            let retrying = view.waiting(consumer).filter { $0.watermark.status == .retrying }
            let due = retrying.flatMap(\.rows).filter { row in
                guard [.retry, .newerRevision].contains(row.reason), let next = row.nextAttemptAt else { return false }
                return next <= now || next > horizon
            }
            var found: [Aggregate] = []
            for row in due.sorted(by: {
                ($0.nextAttemptAt ?? now, $0.aggregate) < ($1.nextAttemptAt ?? now, $1.aggregate)
            })
            where found.count < limit && !found.contains(row.aggregate) {
                found.append(row.aggregate)
            }
            return found
        }
    }

    func gaps(_ consumer: ConsumerName, parkedBefore limitTime: Timestamp, limit: Int) throws -> [Gap] {
        try perform(.gaps) { core, snapshot in
            let view = MemoryView(core: core, snapshot: snapshot, transaction: id)
            let gaps = view.waiting(consumer).compactMap(\.gap).filter { $0.oldestParkedAt < limitTime }
            let sorted = gaps.sorted { left, right in
                (left.oldestParkedAt, left.aggregate) < (right.oldestParkedAt, right.aggregate)
            }
            return Array(sorted.prefix(limit))
        }
    }

    func parkedCount(_ consumer: ConsumerName) throws -> Int {
        try perform(.parkedCount) { core, snapshot in
            MemoryView(core: core, snapshot: snapshot, transaction: id).parked(consumer).count
        }
    }
}

/// The rows that a statement sees.
struct MemoryView {
    let core: MemoryCore?
    let snapshot: MemoryTableSet
    let transaction: MemoryTransactionID?

    init(core: MemoryCore, snapshot: MemoryTableSet, transaction: MemoryTransactionID) {
        self.core = core
        self.snapshot = snapshot
        self.transaction = transaction
    }

    /// What has committed, without any transaction.
    init(snapshot: MemoryTableSet) {
        core = nil
        self.snapshot = snapshot
        transaction = nil
    }

    /// The parked rows of an aggregate that has a watermark.
    struct Waiting {
        let watermark: Watermark
        /// By version, at least one.
        let rows: [ParkedEvent]

        /// The gap, if the next version is missing and nothing has failed.
        var gap: Gap? {
            guard [.ok, .gap, .stuck].contains(watermark.status), let lowest = rows.first,
                lowest.version > watermark.version, !lowest.version.follows(watermark.version),
                let oldest = rows.map(\.parkedAt).min()
            else { return nil }
            return Gap(
                aggregate: watermark.aggregate, watermark: watermark.version,
                watermarkSequence: watermark.streamSequence, lowestParked: lowest.version,
                lowestStored: lowest.stored, oldestParkedAt: oldest)
        }
    }

    func records(in table: MemoryTableName, beginningWith prefix: MemoryKey) -> [MemoryRecord] {
        if let core {
            return core.records(in: table, beginningWith: prefix, for: transaction, on: snapshot).map(\.record)
        }
        let source = snapshot[table]
        return source.keys(beginningWith: prefix).compactMap { source[$0] }
    }

    func record(_ key: MemoryKey, in table: MemoryTableName) -> MemoryRecord? {
        core?.record(key, in: table, for: transaction, on: snapshot) ?? snapshot[table][key]
    }

    /// All parked rows of a consumer, by aggregate and version.
    func parked(_ consumer: ConsumerName) -> [ParkedEvent] {
        records(in: .parked, beginningWith: MemoryKey(.text(consumer.text))).compactMap(\.parked)
    }

    /// The aggregates of a consumer that have parked rows and a watermark, in byte order.
    func waiting(_ consumer: ConsumerName) -> [Waiting] {
        var found: [Waiting] = []
        var rest = parked(consumer)[...]
        while let first = rest.first {
            let rows = rest.prefix { $0.aggregate == first.aggregate }
            rest = rest.dropFirst(rows.count)
            if let row = record(MemoryKey(consumer, first.aggregate), in: .watermark)?.watermark {
                found.append(Waiting(watermark: row, rows: Array(rows)))
            }
        }
        return found
    }
}
