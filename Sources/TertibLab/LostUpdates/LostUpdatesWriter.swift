import TertibRuntime
import TertibCore
import TertibTesting

/// One of those who change rows at once: a service with a connection of its own, as a replica has.
struct LostUpdatesWriter: Sendable {
    /// What an update came to.
    enum Outcome: Hashable, Sendable {
        /// It has committed.
        case committed
        /// The rule of the business said no, about what was read.
        case refused
        /// Somebody else was faster, and that was thrown.
        case conflict
    }

    /// What is to be done to a row, by whom, and who else is at it.
    struct Job: Sendable {
        let row: RowReference
        let rowID: String
        let table: String
        let change: RowChange
        let meeting: Meeting
    }

    let number: Int
    let store: ObservedStore
    private let tertib: EventBus
    private let tables: LostUpdatesTables

    init(number: Int, store: any ConsumerStore, tables: LostUpdatesTables) throws {
        self.number = number
        self.store = ObservedStore(store)
        self.tables = tables
        // Nothing is published: the log is never used.
        tertib = try EventBus(
            options: EventBusOptions(service: try ServiceName("lab-\(number)"), namespace: try Namespace("lab")),
            log: try MemoryLog(), store: self.store)
    }

    /// The number of its connection on the server; `nil` where there is none.
    func connectionNumber() async throws -> Int64? {
        guard store.locksRows else { return nil }
        return try await store.transaction { transaction in
            try transaction.query("SELECT pg_backend_pid() AS n", arguments: []).first?["n"].integer
        }
    }

    /// Changes a row once, under `control`.
    /// - Parameter connections: those of all writers, where the server knows them by number.
    func attempt(_ job: Job, _ control: UpdateControl, connections: [Int64]) async throws -> Outcome {
        let (number, tables) = (number, tables)
        defer { job.meeting.account(for: number) }
        do {
            if control.policy == .none, !store.locksRows {
                try await writeWhatWasRead(job)
                return .committed
            }
            // Where one transaction writes at a time, the others are on their way when they have begun.
            if !store.locksRows { job.meeting.account(for: number) }
            let waits = control.policy == .forUpdate && store.locksRows
            try await tertib.update(job.row, under: control.policy, onConflict: control.onConflict) {
                row, transaction in
                try job.meeting.arrive(
                    number, locked: waits ? { try Self.locked(connections, transaction) } : nil)
                let next = try job.change.next(after: row[job.change.column])
                try Self.note(job, next, number, tables, transaction)
                row[job.change.column] = next
            }
            return .committed
        } catch is RowChange.Refused {
            return .refused
        } catch is UpdateConflict {
            return .conflict
        }
    }

    /// Reads in one transaction and writes in another, whatever the row is by then.
    private func writeWhatWasRead(_ job: Job) async throws {
        let (number, tables, column) = (number, tables, job.change.column)
        let value = try await store.read { reader in
            let rows = try reader.query(
                "SELECT \(column) AS value FROM \(job.table) WHERE id = ?", arguments: [.text(job.rowID)])
            try job.meeting.arrive(number)
            return rows.first?["value"] ?? .null
        }
        let next = try job.change.next(after: value)
        try await tertib.transaction { transaction in
            try Self.note(job, next, number, tables, transaction)
            try transaction.execute("UPDATE \(job.table) SET \(column) = ? WHERE id = ?", next, job.rowID)
        }
    }

    /// The row of the ledger that commits with the update, or not at all.
    private static func note(
        _ job: Job, _ next: SQLValue, _ number: Int, _ tables: LostUpdatesTables, _ transaction: HandlerTransaction
    ) throws {
        try transaction.execute(
            "INSERT INTO \(tables.ledger) (row_id, worker, became) VALUES (?, ?, ?)", job.rowID, number,
            next.text ?? next.integer.map(String.init) ?? "")
    }

    /// How many of the writers wait for a lock, as the server sees it.
    private static func locked(_ connections: [Int64], _ transaction: HandlerTransaction) throws -> Int {
        // These numbers are the server's own.
        let rows = try transaction.query(
            """
            SELECT COUNT(DISTINCT pid) AS n FROM pg_locks
            WHERE NOT granted AND pid IN (\(connections.map(String.init).joined(separator: ", ")))
            """)
        return Int(rows.first?["n"].integer ?? 0)
    }
}
