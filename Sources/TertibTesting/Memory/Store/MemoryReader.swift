import TertibRuntime
import TertibCore

/// One snapshot of a ``MemoryStore``.
final class MemoryReader: StoreReader {
    private let view: MemoryView
    private let snapshot: MemoryTableSet
    private let database: MemoryDatabase

    init(snapshot: MemoryTableSet, database: MemoryDatabase) {
        view = MemoryView(snapshot: snapshot)
        self.snapshot = snapshot
        self.database = database
    }

    func now() throws -> Timestamp { database.time.wall }

    func consumers() throws -> [ConsumerName: ConsumerRegistration] {
        var found: [ConsumerName: ConsumerRegistration] = [:]
        let table = snapshot[.registration]
        for key in table.keys(beginningWith: MemoryKey()) {
            guard let name = key.firstText, let row = table[key]?.registration else { continue }
            found[try ConsumerName(name)] = row
        }
        return found
    }

    func summary(_ consumer: ConsumerName, stuckBefore: Timestamp) throws -> ConsumerSummary {
        let rows = allWatermarks(consumer)
        let parked = view.parked(consumer)
        let gaps = view.waiting(consumer).compactMap(\.gap)
        return ConsumerSummary(
            aggregates: rows.count, parked: parked.count, oldestParkedAt: parked.map(\.parkedAt).min(),
            stuck: gaps.filter { $0.oldestParkedAt < stuckBefore }.count, behind: 0,
            deadLetters: letters(consumer).count, quarantined: rows.filter { $0.status == .quarantined }.count)
    }

    func watermarks(_ consumer: ConsumerName, after aggregate: Aggregate?, limit: Int) throws -> [Watermark] {
        let rows = allWatermarks(consumer)
        guard let aggregate else { return Array(rows.prefix(limit)) }
        return Array(rows.drop { $0.aggregate <= aggregate }.prefix(limit))
    }

    func watermark(_ consumer: ConsumerName, of aggregate: Aggregate) throws -> Watermark? {
        view.record(MemoryKey(consumer, aggregate), in: .watermark)?.watermark
    }

    func parkedRows(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [ParkedEvent] {
        let rows = view.parked(consumer).filter { aggregate == nil || $0.aggregate == aggregate }
        let sorted = rows.sorted { left, right in
            left.parkedAt == right.parkedAt
                ? (left.aggregate, left.version) < (right.aggregate, right.version)
                : left.parkedAt < right.parkedAt
        }
        return Array(sorted.prefix(limit))
    }

    func deadLetters(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [DeadLetter] {
        let letters = letters(consumer).filter { aggregate == nil || $0.aggregate == aggregate }
        let sorted = letters.sorted { left, right in
            (left.lastFailedAt, left.streamSequence) > (right.lastFailedAt, right.streamSequence)
        }
        return Array(sorted.prefix(limit))
    }

    func outboxSummary() throws -> OutboxSummary {
        let rows = unpublished()
        return OutboxSummary(rows: rows.count, oldestStagedAt: rows.map(\.stagedAt).min())
    }

    func outboxRows(of aggregate: Aggregate?, limit: Int) throws -> [OutboxRow] {
        let rows = unpublished().filter { aggregate == nil || $0.aggregate == aggregate }
        return Array(rows.sorted { $0.position < $1.position }.prefix(limit))
    }

    func head(of aggregate: Aggregate) throws -> AggregateHead? {
        view.record(MemoryKey(aggregate), in: .head)?.head
    }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        guard let statement = database.statements[sql] else { throw MemoryStatement.unknown(sql) }
        // A core of its own holds what the query reads, and lets nothing out that it might write.
        let tables = MemoryTables(core: MemoryCore(), snapshot: snapshot, transaction: nil)
        return try statement.run(tables, arguments).rows
    }

    private func allWatermarks(_ consumer: ConsumerName) -> [Watermark] {
        view.records(in: .watermark, beginningWith: MemoryKey(.text(consumer.text))).compactMap(\.watermark)
    }

    private func letters(_ consumer: ConsumerName) -> [DeadLetter] {
        view.records(in: .deadLetter, beginningWith: MemoryKey(.text(consumer.text))).compactMap(\.openDeadLetter)
    }

    private func unpublished() -> [OutboxRow] {
        view.records(in: .outbox, beginningWith: MemoryKey()).compactMap { record in
            record.outbox.flatMap { $0.publishedAt == nil ? $0.row : nil }
        }
    }
}

extension MemoryKey {
    /// The text of the first column.
    fileprivate var firstText: String? {
        guard bytes.first == 3, let end = bytes.firstIndex(of: 0) else { return nil }
        return String(validating: bytes[1..<end], as: UTF8.self)
    }
}
