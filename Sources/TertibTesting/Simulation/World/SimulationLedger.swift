import Tertib
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
        ]
    }()

    /// Records an event in the transaction that applies it.
    static func record(_ envelope: Envelope, in transaction: HandlerTransaction) throws {
        let (type, id) = (envelope.aggregate.type, envelope.aggregate.id)
        try transaction.execute(insert, type, id, envelope.version, envelope.id)
        let known = try transaction.query(select, type, id).first?["events"].text
        try transaction.execute(write, type, id, (known.map { $0 + " " } ?? "") + envelope.id.text)
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
