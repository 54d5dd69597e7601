import TertibRuntime
import TertibCore

/// The tables, by name; those of users bear the names that their statements give them.
typealias MemoryTableName = String

/// A row of any table.
enum MemoryRecord: Sendable {
    case watermark(Watermark)
    case parked(ParkedEvent)
    case deadLetter(DeadLetter, isOpen: Bool)
    case registration(ConsumerRegistration)
    case head(AggregateHead)
    case outbox(MemoryOutboxRow)
    case row(MemoryRow)
}

/// An outbox row with what only the database knows of it.
struct MemoryOutboxRow: Sendable {
    var row: OutboxRow
    var notBefore: Timestamp
    var publishedAt: Timestamp?

    /// A row that is held for longer than this was held under a clock that was wrong.
    private static let longestHold: Duration = .seconds(120)

    /// Whether it may be claimed.
    func isFree(at now: Timestamp, lease: Duration) -> Bool {
        notBefore <= now || notBefore > now.advanced(by: max(Self.longestHold, lease))
    }
}

extension MemoryTableName {
    static let watermark = "tertib_watermark"
    static let parked = "tertib_parked"
    static let deadLetter = "tertib_dead_letter"
    static let registration = "tertib_consumer"
    static let head = "tertib_head"
    static let outbox = "tertib_outbox"
}

extension MemoryRecord {
    var watermark: Watermark? { if case .watermark(let value) = self { value } else { nil } }
    var parked: ParkedEvent? { if case .parked(let value) = self { value } else { nil } }
    var registration: ConsumerRegistration? { if case .registration(let value) = self { value } else { nil } }
    var head: AggregateHead? { if case .head(let value) = self { value } else { nil } }
    var outbox: MemoryOutboxRow? { if case .outbox(let value) = self { value } else { nil } }
    var row: MemoryRow? { if case .row(let value) = self { value } else { nil } }
    var openDeadLetter: DeadLetter? { if case .deadLetter(let value, true) = self { value } else { nil } }
}

/// What has committed in one table.
struct MemoryTable: Sendable {
    private(set) var records: [MemoryKey: MemoryRecord] = [:]
    private var order: [MemoryKey] = []
    private var deletions: [MemoryKey: Int] = [:]

    subscript(key: MemoryKey) -> MemoryRecord? { records[key] }

    /// The keys that begin with `prefix`, in order.
    func keys(beginningWith prefix: MemoryKey) -> ArraySlice<MemoryKey> {
        let start = position(of: prefix)
        var end = start
        while end < order.count, order[end].begins(with: prefix) { end += 1 }
        return order[start..<end]
    }

    /// How often a user's row with this key was deleted.
    func deletions(of key: MemoryKey) -> Int { deletions[key] ?? 0 }

    mutating func set(_ record: MemoryRecord?, at key: MemoryKey) {
        let isThere = records[key] != nil
        if record == nil, case .row? = records[key] { deletions[key, default: 0] += 1 }
        records[key] = record
        switch (isThere, record != nil) {
        case (false, true): order.insert(key, at: position(of: key))
        case (true, false): order.remove(at: position(of: key))
        default: break
        }
    }

    /// Where `key` stands or would stand.
    private func position(of key: MemoryKey) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if order[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// What has committed in all tables: a value, so that a copy is a snapshot.
struct MemoryTableSet: Sendable {
    private(set) var tables: [MemoryTableName: MemoryTable] = [:]

    subscript(table: MemoryTableName) -> MemoryTable { tables[table] ?? MemoryTable() }

    mutating func set(_ record: MemoryRecord?, at key: MemoryKey, in table: MemoryTableName) {
        tables[table, default: MemoryTable()].set(record, at: key)
    }
}
