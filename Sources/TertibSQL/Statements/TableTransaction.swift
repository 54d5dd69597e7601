package import TertibCore
package import TertibRuntime

/// A transaction on a database: the part of ``StoreTransaction`` in which the databases agree.
///
/// They differ where many rows are touched at once: a server gets one statement for all of them, SQLite one for each.
package protocol TableTransaction: TableAccess, StoreTransaction {
    /// Runs a statement that writes a row and returns nothing; a store on a server may send it together with later ones.
    func stage(_ sql: String, _ cells: [Cell], version: AggregateVersion, of aggregate: Aggregate) throws

    /// A parked row was written.
    func rowsChanged(_ event: ParkedEvent)
}

extension TableTransaction {
    package func rowsChanged(_ event: ParkedEvent) {}
}

/// What the sweeper asks for: each query walks one partial index, so its cost is that of its result.
extension TableTransaction {
    package func leftoverDrains(_ consumer: ConsumerName, limit: Int) throws -> [Aggregate] {
        try perform("look for leftover drains") {
            try runner.rows(Statements.selectLeftovers, cells(consumer, limit)) { try $0.value(0) }
        }
    }

    /// Those that are due come before those whose time is too far away.
    package func dueRetries(
        _ consumer: ConsumerName, now: Timestamp, maxDelay: Duration, limit: Int
    ) throws -> [Aggregate] {
        func retries(after start: Timestamp, through end: Timestamp, limit: Int) throws -> [Aggregate] {
            guard limit > 0 else { return [] }
            return try runner.rows(Statements.selectDueRetries, cells(consumer, start, end, limit)) {
                try $0.value(0)
            }
        }
        return try perform("look for retries that are due") {
            let due = try retries(after: .earliest, through: now, limit: limit)
            let farthest = now.advanced(by: maxDelay)
            return try due + retries(after: farthest, through: .latest, limit: limit - due.count)
        }
    }

    package func gaps(_ consumer: ConsumerName, parkedBefore limitTime: Timestamp, limit: Int) throws -> [Gap] {
        try perform("look for gaps") {
            try runner.rows(Statements.selectGaps, cells(consumer, limitTime, limit)) { row in
                var cursor = RowCursor(row)
                return Gap(
                    aggregate: try cursor.next(), watermark: try cursor.next(), watermarkSequence: try cursor.next(),
                    lowestParked: try cursor.next(), lowestStored: try cursor.next(),
                    oldestParkedAt: try cursor.next())
            }
        }
    }

    package func parked(
        _ consumer: ConsumerName, of aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) throws -> [ParkedEvent] {
        try perform("read the parked events of \(aggregate)") {
            try runner.rows(Statements.selectParked, cells(consumer, aggregate, version, limit)) {
                try Tables.parked.read($0)
            }
        }
    }

    package func replaceParked(_ consumer: ConsumerName, _ event: ParkedEvent) throws {
        try perform("write a parked event of \(event.aggregate)") {
            try runner.execute(Statements.replaceParked, Tables.parked.cells(of: event, behind: cells(consumer)))
            try runner.execute(Statements.summarizeParked, cells(consumer, event.aggregate))
        }
        rowsChanged(event)
    }

    package func parkedCount(_ consumer: ConsumerName) throws -> Int {
        try perform("count the parked events") { try runner.count(Statements.countParked, cells(consumer)) }
    }
}

extension TableTransaction {
    /// A repeat reopens the row: the failure is the new one, the id and the first failure stay.
    package func saveDeadLetter(_ consumer: ConsumerName, _ deadLetter: DeadLetter) throws {
        try perform("save a dead letter") {
            try runner.execute(
                Statements.saveDeadLetter, Tables.deadLetter.cells(of: deadLetter, behind: cells(consumer)))
        }
    }

    package func registration(
        _ consumer: ConsumerName, insertingIfAbsent fresh: ConsumerRegistration
    ) throws -> ConsumerRegistration {
        let now = try now()
        return try perform("register the consumer \(consumer)") {
            try runner.execute(Statements.addConsumer, Tables.consumer.cells(of: fresh, behind: cells(consumer, now)))
            return try runner.first(Statements.selectConsumer, cells(consumer)) { try Tables.consumer.read($0) }
                ?? fresh
        }
    }

    package func writeRegistration(_ consumer: ConsumerName, _ registration: ConsumerRegistration) throws {
        let now = try now()
        try perform("write the consumer \(consumer)") {
            try runner.execute(
                Statements.writeConsumer, Tables.consumer.cells(of: registration, behind: cells(consumer, now)))
        }
    }
}

/// The row of an aggregate's head is the lock under which its versions are staged and marked, so that the two see each
/// other: a service that stages has moved the head before it searches for lower versions that wait, and a relay that
/// marks moves it before it frees the next one. Without that order both could miss the other's work, and a row would
/// stay behind for ever.
extension TableTransaction {
    package func compareAndSetHead(_ expected: AggregateHead?, to head: AggregateHead) throws -> Bool {
        try perform("move the head of \(head.aggregate)") {
            let values = Tables.head.cells(of: head)
            guard let expected else { return try runner.execute(Statements.insertHead, values) == 1 }
            return try runner.execute(Statements.updateHead, values + cells(expected.version)) == 1
        }
    }

    package func insertOutbox(_ row: OutboxRow) throws {
        // The position is the database's to give.
        let values = Tables.outbox.cells(of: row).dropFirst()
        try perform("stage version \(row.version) of \(row.aggregate)") {
            try stage(
                Statements.insertOutboxRow, values + cells(Timestamp.untaken), version: row.version,
                of: row.aggregate)
        }
    }

    package func reopenOutbox(
        _ expected: AggregateHead, behind version: AggregateVersion, at sequence: StreamSequence
    ) throws -> Bool {
        try perform("reopen the outbox of \(expected.aggregate)") {
            let changed = try runner.execute(
                Statements.returnHead,
                cells(expected.aggregate, version, sequence, expected.publishedVersion, expected.streamSequence))
            guard changed == 1 else { return false }
            try runner.execute(
                Statements.reopenRows, cells(expected.aggregate, version, Timestamp.untaken))
            return true
        }
    }

    package func deletePublished(before time: Timestamp, limit: Int) throws -> Int {
        try perform("delete published events") {
            try runner.execute(Statements.deletePublishedRows, cells(time, limit))
        }
    }
}

extension OutboxClaim {
    /// Reads the columns of ``Tables/outbox``, and those of ``Tables/head``, which are NULL where there is no head.
    package init(_ row: some RowReader) throws(StoreError) {
        let staged = try Tables.outbox.read(row)
        let head = Tables.outbox.width
        self.init(
            row: staged,
            head: row.isNull(head)
                ? AggregateHead(aggregate: staged.aggregate) : try Tables.head.read(row, from: head))
    }
}

extension Timestamp {
    /// The `not_before` of a row that no relay has taken yet, so that no clock can hold it back: the start of 1970.
    package static let untaken = Timestamp(microseconds: 0)
    /// Earlier than every time of a row: the start of the year 0.
    package static let earliest = Timestamp(microseconds: -62_167_219_200_000_000)
    /// Later than every time of a row: the last microsecond of the year 9999.
    package static let latest = Timestamp(microseconds: 253_402_300_799_999_999)
}

extension Duration {
    /// An outbox row that is held for longer than this was held under a clock that was wrong, and is free: a relay holds
    /// none for longer than a minute.
    package static let longestHold: Duration = .seconds(120)
}
