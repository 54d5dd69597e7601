import Synchronization
import Tertib
import TertibCore

/// Looks whether what a killed replica had acknowledged is in the database, at once.
struct AcknowledgementJudge: Sendable {
    let tertib: Tertib

    /// What is acknowledged, and neither applied nor parked nor a dead letter.
    func judge(_ acknowledged: [AcknowledgedDelivery]) async throws -> [LabViolation] {
        let mapping = WireCodec(namespace: tertib.options.namespace).mapping
        return try await tertib.store.read { reader in
            var violations: [LabViolation] = []
            for delivery in acknowledged {
                guard let aggregate = try? mapping.aggregate(of: delivery.subject) else { continue }
                let isKept =
                    try reader.query(
                        Self.statement,
                        arguments: [
                            .text(LabNames.consumer), .text(aggregate.type.text), .text(aggregate.id.text),
                            .integer(delivery.version),
                        ]
                    ).first.map { $0.number("kept") > 0 } ?? false
                if isKept { continue }
                violations.append(
                    LabViolation(
                        .acknowledgements,
                        "version \(delivery.version) of \(aggregate) was acknowledged, and its replica was killed before "
                            + "it was committed"))
            }
            return violations
        }
    }

    private static let statement = """
        WITH wanted (consumer, aggregate_type, aggregate_id, version) AS (VALUES (?, ?, ?, ?))
        SELECT
            (SELECT COUNT(*) FROM tertib_watermark w, wanted v WHERE w.consumer = v.consumer
                AND w.aggregate_type = v.aggregate_type AND w.aggregate_id = v.aggregate_id AND w.version >= v.version)
            + (SELECT COUNT(*) FROM tertib_parked p, wanted v WHERE p.consumer = v.consumer
                AND p.aggregate_type = v.aggregate_type AND p.aggregate_id = v.aggregate_id AND p.version = v.version)
            + (SELECT COUNT(*) FROM tertib_dead_letter d, wanted v WHERE d.consumer = v.consumer
                AND d.aggregate_type = v.aggregate_type AND d.aggregate_id = v.aggregate_id AND d.version = v.version)
            AS kept
        """
}
