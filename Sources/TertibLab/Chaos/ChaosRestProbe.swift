import Tertib
import TertibCore

/// Says what still moves.
struct ChaosRestProbe: Sendable {
    let tertib: Tertib
    /// So many events have to be staged, and so many appended.
    let staged: Int
    let appended: Int

    /// How much is still to be staged, published or delivered.
    func backlog() async throws -> Int {
        let durable = try? await tertib.log.consumerState(LabNames.durable)
        let toStage = try await tertib.store.read { reader in staged - (try Self.done(StagedLoad.type, reader)) }
        return toStage + Int(durable?.pending ?? 0) + (durable?.acknowledgementPending ?? 0)
    }

    /// What still moves, in words; empty at rest.
    func unrest() async throws -> [String] {
        var found = try await tertib.store.read { reader in
            var found: [String] = []
            let isStaged = try Self.done(StagedLoad.type, reader)
            if isStaged < staged { found.append("\(isStaged) of \(staged) events are staged") }
            let isAppended = try Self.done(AppendLoop.type, reader)
            if isAppended < appended { found.append("\(isAppended) of \(appended) events are appended") }
            let unpublished = try Self.number(
                "SELECT COUNT(*) AS number FROM tertib_outbox WHERE published_at IS NULL", reader)
            if unpublished > 0 { found.append("\(unpublished) events are to be published") }
            let parked = try Self.number(
                "SELECT COUNT(*) AS number FROM tertib_parked WHERE aggregate_type <> '\(ForeignLoad.poisonType)' "
                    + "OR next_attempt_at IS NOT NULL", reader)
            if parked > 0 { found.append("\(parked) events are parked") }
            return found
        }
        guard let durable = try await tertib.log.consumerState(LabNames.durable) else {
            return found + ["the broker does not know the consumer"]
        }
        let open = Int(durable.pending) + durable.acknowledgementPending
        if open > 0 { found.append("\(open) events are to be delivered or acknowledged") }
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
