import TertibRuntime
import TertibCore

/// The simulator's own tables: a ledger by plain INSERT, so that a second application of a version is an error and not
/// an overwrite; and each aggregate's state, read and written back, which shows the order of application.
enum SimulationLedger {
    static let insert =
        "INSERT INTO simulation_ledger (aggregate_type, aggregate_id, version, event_id) VALUES (?, ?, ?, ?)"
    static let select = "SELECT events FROM simulation_state WHERE aggregate_type = ? AND aggregate_id = ?"
    static let write = """
        INSERT INTO simulation_state (aggregate_type, aggregate_id, events) VALUES (?, ?, ?)
        ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET events = excluded.events
        """
    static let tally = """
        INSERT INTO simulation_tally (name, total) VALUES (?, 1)
        ON CONFLICT (name) DO UPDATE SET total = simulation_tally.total + 1
        """
    /// Rows that every event raises by one, of whichever aggregate it is, so that replicas meet at them.
    static let tallies = ["left", "right"]
    static let tallyTable = "simulation_tally"
    static let ledgerTable = "simulation_ledger"
    static let stateTable = "simulation_state"

    /// What the statements mean to a ``MemoryStore``.
    static let meanings: [String: MemoryStatement] = {
        let key = ["aggregate_type", "aggregate_id"]
        return [
            insert: .insert(
                into: ledgerTable, columns: key + ["version", "event_id"], key: key + ["version"]),
            select: .select(from: stateTable, where: key),
            write: .upsert(into: stateTable, columns: key + ["events"], key: key),
            tally: MemoryStatement { tables, arguments in
                let name = try MemoryStatement.argument(0, of: arguments)
                try tables.change(tallyTable, key: [name]) { row in
                    ["name": name, "total": .integer((row?["total"]?.integer ?? 0) + 1)]
                }
                return .changed(1)
            },
        ]
    }()

    /// Records an event in the transaction that applies it.
    static func record(_ envelope: Envelope, in transaction: HandlerTransaction) throws {
        let (type, id) = (envelope.aggregate.type, envelope.aggregate.id)
        try transaction.execute(insert, type, id, envelope.version, envelope.id)
        let known = try transaction.query(select, type, id).first?["events"].text
        try transaction.execute(write, type, id, (known.map { $0 + " " } ?? "") + envelope.id.text)
    }

    /// Raises the tallies, in an order that depends on the event: two replicas may wait for each other in a circle.
    static func count(_ envelope: Envelope, in transaction: HandlerTransaction) throws {
        let names = envelope.version.number.isMultiple(of: 2) ? tallies : tallies.reversed()
        for name in names { try transaction.execute(tally, name) }
    }

    /// The event that a row of the ledger stands for.
    static func entry(_ row: MemoryRow) -> LedgerEntry? {
        guard let aggregate = aggregate(row), let number = row["version"]?.integer,
            let version = AggregateVersion(number), let id = row["event_id"]?.text,
            let eventID = try? EventID(id)
        else { return nil }
        return LedgerEntry(aggregate: aggregate, version: version, eventID: eventID)
    }

    /// The aggregate and the events applied to it, of a row of the state.
    static func state(_ row: MemoryRow) -> (Aggregate, [EventID])? {
        guard let aggregate = aggregate(row), let events = row["events"]?.text else { return nil }
        return (aggregate, events.split(separator: " ").compactMap { try? EventID(String($0)) })
    }

    private static func aggregate(_ row: MemoryRow) -> Aggregate? {
        guard let type = row["aggregate_type"]?.text, let id = row["aggregate_id"]?.text,
            let aggregateType = try? AggregateType(type), let aggregateID = try? AggregateID(id)
        else { return nil }
        return Aggregate(type: aggregateType, id: aggregateID)
    }
}
