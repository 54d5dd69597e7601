import Synchronization
import TertibRuntime
import TertibCore

/// Looks whether what a killed replica had acknowledged is in the database, at once.
struct AcknowledgementJudge: Sendable {
    let tertib: EventBus

    /// What was looked at, and what was wrong with it.
    struct Finding: Hashable, Sendable {
        var checked = 0
        var violations: [LabViolation] = []
    }

    private struct Acknowledged: Sendable {
        let aggregate: Aggregate
        let version: Int64
    }

    /// So many acknowledgements of one replica are looked at.
    private static let most = 512

    /// What is acknowledged, and neither applied nor parked nor a dead letter; by sequences of the stream.
    func judge(_ sequences: [UInt64]) async throws -> Finding {
        let acknowledged = try await events(at: sequences.prefix(Self.most))
        let violations = try await tertib.store.read { reader in
            try acknowledged.filter { !(try Self.isKept($0, reader)) }.map { event in
                LabViolation(
                    .acknowledgements,
                    "version \(event.version) of \(event.aggregate) was acknowledged, and its replica was killed before "
                        + "it was committed")
            }
        }
        return Finding(checked: acknowledged.count, violations: violations)
    }

    /// What stands at these sequences; an event that was trimmed meanwhile is left out.
    private func events(at sequences: ArraySlice<UInt64>) async throws -> [Acknowledged] {
        let codec = WireCodec(namespace: tertib.options.namespace)
        return try await withThrowingTaskGroup(of: Acknowledged?.self) { group in
            for sequence in sequences {
                group.addTask { [log = tertib.log] in
                    guard let found = try await log.message(at: StreamSequence(sequence), from: .leader) else {
                        return nil
                    }
                    let envelope = try codec.decode(found.message)
                    return Acknowledged(aggregate: envelope.aggregate, version: envelope.version.number)
                }
            }
            var events: [Acknowledged] = []
            while let event = try await group.next() { events += [event].compactMap(\.self) }
            return events
        }
    }

    /// In words that both databases take: PostgreSQL takes the type of a value from what it is compared with.
    private static func isKept(_ event: Acknowledged, _ reader: any StoreReader) throws -> Bool {
        let key: [SQLValue] = [
            .text(LabNames.consumer), .text(event.aggregate.type.text), .text(event.aggregate.id.text),
            .integer(event.version),
        ]
        let rows = try reader.query(statement, arguments: key + key + key)
        return rows.first.map { $0.number("kept") > 0 } ?? false
    }

    private static let statement = """
        SELECT
            (SELECT COUNT(*) FROM tertib_watermark WHERE consumer = ? AND aggregate_type = ? AND aggregate_id = ?
                AND version >= ?)
            + (SELECT COUNT(*) FROM tertib_parked WHERE consumer = ? AND aggregate_type = ? AND aggregate_id = ?
                AND version = ?)
            + (SELECT COUNT(*) FROM tertib_dead_letter WHERE consumer = ? AND aggregate_type = ? AND aggregate_id = ?
                AND version = ?) AS kept
        """
}
