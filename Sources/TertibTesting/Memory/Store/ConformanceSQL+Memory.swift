import TertibRuntime
import TertibCore

extension ConformanceSQL {
    /// What these statements, and those of the ready-made handlers, mean to a ``MemoryStore``.
    public static var meanings: [String: MemoryStatement] {
        let ledger = ["aggregate_type", "aggregate_id", "version", "event_id"]
        let replica = ["aggregate_type", "aggregate_id", "version", "event_type", "data"]
        return [
            Handlers.replicaStatement: .upsert(into: "tertib_replica", columns: replica, key: Array(replica.prefix(2))),
            createLedger: .nothing,
            insertLedger: .insert(into: "ledger", columns: ledger, key: Array(ledger.prefix(3))),
            selectLedger: .select(from: "ledger"),
            createSample: .nothing,
            insertSample: .insert(into: "sample", columns: ["id", "number", "fraction", "words"], key: ["id"]),
            selectSample: .select(from: "sample"),
            selectSampleByWords: .select(from: "sample", where: ["words"]),
            updateEverySample: .update("sample", set: ["number"]),
            deleteSample: .delete(from: "sample", where: ["id"]),
            addToSample: addition,
            resolveDeadLetter: MemoryStatement { tables, arguments in
                let sequence = try MemoryStatement.argument(0, of: arguments).integer
                return .changed(
                    try tables.resolveDeadLetters { letter in
                        Int64(bitPattern: letter.streamSequence.number) == sequence
                    })
            },
        ]
    }

    private static let addition = MemoryStatement { tables, arguments in
        guard let addend = try MemoryStatement.argument(0, of: arguments).integer else { return .changed(0) }
        let id = try MemoryStatement.argument(1, of: arguments)
        let count = try tables.update("sample", where: { $0["id"] == id }) { row in
            row["number"] = row["number"]?.integer.map { .integer($0 + addend) } ?? .null
        }
        return .changed(count)
    }
}
