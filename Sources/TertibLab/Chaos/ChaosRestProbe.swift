import TertibRuntime
import TertibCore

/// Says what still moves.
struct ChaosRestProbe: Sendable {
    let tertib: EventBus
    /// So many events have to be staged, and so many appended.
    let staged: Int
    let appended: Int

    /// What still moves.
    struct Unrest: Hashable, Sendable {
        /// In words; empty at rest.
        var reasons: [String] = []
        /// How much it is, by one measure.
        var open = 0

        fileprivate mutating func add(_ count: Int, _ what: String) {
            guard count > 0 else { return }
            reasons.append("\(count) events are \(what)")
            open += count
        }
    }

    /// Ends what the replicas stage and append themselves: those of a slow machine may not have come to their last
    /// event, and what they have not begun by now does not take place.
    func endLoad() async throws {
        let totals = [(StagedLoad.type, staged), (AppendLoop.type, appended)]
        _ = try await tertib.store.transaction { transaction in
            for (name, total) in totals {
                try transaction.execute(
                    "INSERT INTO load_progress (name, done) VALUES (?, ?) ON CONFLICT (name) DO UPDATE "
                        + "SET done = excluded.done", arguments: [.text(name), .integer(Int64(total))])
            }
        }
    }

    /// What still moves.
    func unrest() async throws -> Unrest {
        var found = try await tertib.store.read { reader in
            var found = Unrest()
            found.add(staged - (try Self.done(StagedLoad.type, reader)), "to be staged")
            found.add(appended - (try Self.done(AppendLoop.type, reader)), "to be appended")
            let unpublished = try Self.number(
                "SELECT COUNT(*) AS number FROM tertib_outbox WHERE published_at IS NULL", reader)
            found.add(unpublished, "to be published")
            let parked = try Self.number(
                "SELECT COUNT(*) AS number FROM tertib_parked WHERE aggregate_type <> '\(ForeignLoad.poisonType)' "
                    + "OR next_attempt_at IS NOT NULL", reader)
            found.add(parked, "parked")
            return found
        }
        guard let durable = try await tertib.log.consumerState(LabNames.durable) else {
            found.reasons.append("the broker does not know the consumer")
            return found
        }
        found.add(Int(durable.pending) + durable.acknowledgementPending, "to be delivered or acknowledged")
        return found
    }

    private static func done(_ name: String, _ reader: any StoreReader) throws -> Int {
        Int(
            try reader.query("SELECT done FROM load_progress WHERE name = ?", arguments: [.text(name)]).first?
                .number("done") ?? 0)
    }

    private static func number(_ sql: String, _ reader: any StoreReader) throws -> Int {
        Int(try reader.query(sql, arguments: []).first?.number("number") ?? 0)
    }
}
