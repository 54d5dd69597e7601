import TertibRuntime
import TertibCore

extension MemoryTransaction {
    func watermarks(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [Aggregate: Watermark] {
        try perform(.watermarks) { core, snapshot in
            var found: [Aggregate: Watermark] = [:]
            for aggregate in aggregates {
                let key = MemoryKey(consumer, aggregate)
                found[aggregate] = core.record(key, in: .watermark, for: id, on: snapshot)?.watermark
            }
            return found
        }
    }

    func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        try perform(.claim) { core, snapshot in
            var won: [Aggregate: Watermark] = [:]
            for watermark in expected {
                let claimed =
                    watermark.exists
                    ? claimExisting(watermark, consumer, core, snapshot) : claimFresh(watermark, consumer, core)
                if let claimed { won[watermark.aggregate] = claimed }
            }
            database.tell(claim: expected, won: won)
            return won
        }
    }

    /// As `SELECT ... FOR UPDATE SKIP LOCKED` and an update: the snapshot names the row, the lock is taken if nobody
    /// has it, and the comparison is made again on what has committed last.
    private func claimExisting(
        _ expected: Watermark, _ consumer: ConsumerName, _ core: MemoryCore, _ snapshot: MemoryTableSet
    ) -> Watermark? {
        let key = MemoryKey(consumer, expected.aggregate)
        guard core.record(key, in: .watermark, for: id, on: snapshot) != nil,
            core.take(key, in: .watermark, for: id),
            var row = core.record(key, in: .watermark, for: id)?.watermark,
            row.version == expected.version, row.revision == expected.revision
        else { return nil }
        row.revision += 1
        core.put(.watermark(row), at: key, in: .watermark, by: id)
        return row
    }

    /// As `INSERT ... ON CONFLICT DO NOTHING` under a lock timeout: what a neighbour is inserting counts as lost.
    private func claimFresh(_ expected: Watermark, _ consumer: ConsumerName, _ core: MemoryCore) -> Watermark? {
        let key = MemoryKey(consumer, expected.aggregate)
        guard core.record(key, in: .watermark, for: id) == nil, core.take(key, in: .watermark, for: id) else {
            return nil
        }
        var row = expected
        row.revision = 1
        core.put(.watermark(row), at: key, in: .watermark, by: id)
        return row
    }

    func write(_ consumer: ConsumerName, _ watermarks: [Watermark]) throws {
        try perform(.write) { core, _ in
            for watermark in watermarks {
                let key = MemoryKey(consumer, watermark.aggregate)
                let lock = MemoryLock(table: .watermark, key: key)
                guard core.locks.owner(of: lock) == id,
                    let row = core.record(key, in: .watermark, for: id)?.watermark
                else {
                    throw StoreError(
                        .statement, attempted: "write the watermark of \(watermark.aggregate)",
                        reason: "this transaction has not claimed it")
                }
                var written = watermark
                written.revision = row.revision
                core.put(.watermark(written), at: key, in: .watermark, by: id)
            }
        }
    }

    func registration(
        _ consumer: ConsumerName, insertingIfAbsent fresh: ConsumerRegistration
    ) throws -> ConsumerRegistration {
        try perform(.registration) { core, _ in
            let key = MemoryKey(.text(consumer.text))
            if let row = core.record(key, in: .registration, for: id)?.registration { return row }
            try core.lock(key, in: .registration, for: id)
            core.put(.registration(fresh), at: key, in: .registration, by: id)
            return fresh
        }
    }

    func writeRegistration(_ consumer: ConsumerName, _ registration: ConsumerRegistration) throws {
        try perform(.writeRegistration) { core, _ in
            let key = MemoryKey(.text(consumer.text))
            try core.lock(key, in: .registration, for: id)
            core.put(.registration(registration), at: key, in: .registration, by: id)
        }
    }
}
