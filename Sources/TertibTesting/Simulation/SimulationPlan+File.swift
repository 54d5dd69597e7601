#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension SimulationPlan {
    /// Reads what ``json`` wrote.
    /// - Throws: ``SimulationPlanError``, which names what is missing, of another kind, or out of its range.
    public init(json bytes: [UInt8]) throws {
        do {
            self = try JSONDecoder().decode(SimulationPlan.self, from: Data(bytes))
        } catch let error as DecodingError {
            throw SimulationPlanError(error)
        }
        try validate()
    }

    /// Reads what ``json`` wrote, as a text.
    /// - Throws: ``SimulationPlanError``.
    public init(json text: String) throws {
        try self.init(json: Array(text.utf8))
    }

    /// The plan as a document: the same plan gives the same bytes.
    public var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }
}
