import TertibRuntime
import TertibCore

extension MemoryTransaction {
    func head(of aggregate: Aggregate) throws -> AggregateHead? {
        try perform(.head) { core, snapshot in
            core.record(MemoryKey(aggregate), in: .head, for: id, on: snapshot)?.head
        }
    }

    func compareAndSetHead(_ expected: AggregateHead?, to head: AggregateHead) throws -> Bool {
        try perform(.compareAndSetHead) { core, snapshot in
            let key = MemoryKey(head.aggregate)
            // An update names its row by the snapshot, and compares again on what it finds after the wait; an insert
            // waits for whoever inserts the same key.
            if let expected, core.record(key, in: .head, for: id, on: snapshot)?.head?.version != expected.version {
                return false
            }
            try core.lock(key, in: .head, for: id)
            let row = core.record(key, in: .head, for: id)?.head
            guard row?.version == expected?.version else {
                if expected != nil, row != nil { core.keepLock(key, in: .head, for: id) }
                return false
            }
            var written = head
            if let row, row.publishedVersion > head.publishedVersion {
                written.publishedVersion = row.publishedVersion
                written.streamSequence = row.streamSequence
            }
            core.put(.head(written), at: key, in: .head, by: id)
            return true
        }
    }

    func insertOutbox(_ row: OutboxRow) throws {
        try perform(.insertOutbox) { core, _ in
            let key = Self.key(row)
            try core.lock(key, in: .outbox, for: id)
            guard core.record(key, in: .outbox, for: id) == nil else {
                throw StoreError(
                    .statement, attempted: "stage \(row.aggregate)@\(row.version)",
                    reason: "this version is staged already")
            }
            var placed = row
            placed.position = core.nextPosition()
            let staged = MemoryOutboxRow(row: placed, notBefore: Timestamp(microseconds: 0))
            core.put(.outbox(staged), at: key, in: .outbox, by: id)
        }
    }

    func claimOutbox(now: Timestamp, lease: Duration, limit: Int) throws -> [OutboxClaim] {
        try perform(.claimOutbox) { core, snapshot in
            var lowest: [Aggregate: MemoryOutboxRow] = [:]
            for (_, record) in core.records(in: .outbox, for: id, on: snapshot) {
                guard let row = record.outbox, row.publishedAt == nil else { continue }
                // The rows come by aggregate and version, so the first is the lowest.
                if lowest[row.row.aggregate] == nil { lowest[row.row.aggregate] = row }
            }
            var claims: [OutboxClaim] = []
            for candidate in lowest.values.sorted(by: { $0.row.position < $1.row.position }) {
                guard claims.count < limit, candidate.isFree(at: now, lease: lease) else { continue }
                if let claim = take(candidate, core, now: now, lease: lease) { claims.append(claim) }
            }
            return claims
        }
    }

    /// Takes a row if no neighbour holds it, and if it is still to be taken by what has committed last.
    private func take(
        _ candidate: MemoryOutboxRow, _ core: MemoryCore, now: Timestamp, lease: Duration
    ) -> OutboxClaim? {
        let key = Self.key(candidate.row)
        guard core.take(key, in: .outbox, for: id),
            var row = core.record(key, in: .outbox, for: id)?.outbox,
            row.publishedAt == nil, row.isFree(at: now, lease: lease),
            let head = core.record(MemoryKey(row.row.aggregate), in: .head, for: id)?.head
        else { return nil }
        row.notBefore = now.advanced(by: lease)
        core.put(.outbox(row), at: key, in: .outbox, by: id)
        return OutboxClaim(row: row.row, head: head)
    }

    func markPublished(_ row: OutboxRow, at sequence: StreamSequence, now: Timestamp) throws {
        try perform(.markPublished) { core, _ in
            let (key, headKey) = (Self.key(row), MemoryKey(row.aggregate))
            try core.lock(key, in: .outbox, for: id)
            try core.lock(headKey, in: .head, for: id)
            if var stored = core.record(key, in: .outbox, for: id)?.outbox {
                stored.publishedAt = stored.publishedAt ?? now
                core.put(.outbox(stored), at: key, in: .outbox, by: id)
            }
            if var head = core.record(headKey, in: .head, for: id)?.head, head.publishedVersion < row.version {
                head.publishedVersion = row.version
                head.streamSequence = sequence
                core.put(.head(head), at: headKey, in: .head, by: id)
            }
        }
    }

    func releaseOutbox(_ row: OutboxRow, notBefore time: Timestamp) throws {
        try perform(.releaseOutbox) { core, _ in
            let key = Self.key(row)
            try core.lock(key, in: .outbox, for: id)
            guard var stored = core.record(key, in: .outbox, for: id)?.outbox, stored.publishedAt == nil else { return }
            stored.notBefore = time
            core.put(.outbox(stored), at: key, in: .outbox, by: id)
        }
    }

    func reopenOutbox(
        _ expected: AggregateHead, behind version: AggregateVersion, at sequence: StreamSequence
    ) throws -> Bool {
        try perform(.reopenOutbox) { core, _ in
            let headKey = MemoryKey(expected.aggregate)
            try core.lock(headKey, in: .head, for: id)
            guard var head = core.record(headKey, in: .head, for: id)?.head,
                head.publishedVersion == expected.publishedVersion, head.streamSequence == expected.streamSequence
            else { return false }
            var rows: [(key: MemoryKey, row: MemoryOutboxRow)] = []
            for (key, record) in core.records(in: .outbox, for: id) {
                guard let row = record.outbox, row.row.aggregate == expected.aggregate, row.row.version > version else {
                    continue
                }
                rows.append((key, row))
            }
            let held = rows.count { $0.row.row.version <= head.publishedVersion }
            guard Int64(held) == head.publishedVersion.number - version.number else { return false }
            for (key, row) in rows {
                try core.lock(key, in: .outbox, for: id)
                var open = row
                (open.publishedAt, open.notBefore) = (nil, Timestamp(microseconds: 0))
                core.put(.outbox(open), at: key, in: .outbox, by: id)
            }
            (head.publishedVersion, head.streamSequence) = (version, sequence)
            core.put(.head(head), at: headKey, in: .head, by: id)
            return true
        }
    }

    func deletePublished(before time: Timestamp, limit: Int) throws -> Int {
        try perform(.deletePublished) { core, snapshot in
            var old: [(position: Int64, key: MemoryKey)] = []
            for (key, record) in core.records(in: .outbox, for: id, on: snapshot) {
                guard let row = record.outbox, let published = row.publishedAt, published < time else { continue }
                old.append((row.row.position, key))
            }
            var count = 0
            for (_, key) in old.sorted(by: { $0.position < $1.position }).prefix(limit) {
                guard core.take(key, in: .outbox, for: id), core.record(key, in: .outbox, for: id) != nil else {
                    continue
                }
                core.put(nil, at: key, in: .outbox, by: id)
                count += 1
            }
            return count
        }
    }

    static func key(_ row: OutboxRow) -> MemoryKey {
        MemoryKey(
            .text(row.aggregate.type.text), .text(row.aggregate.id.text), .integer(row.version.number))
    }
}
