#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension SimulationPlan {
    /// Reads what ``json`` wrote.
    /// - Throws: `DecodingError`.
    public init(json bytes: [UInt8]) throws {
        self = try JSONDecoder().decode(SimulationPlan.self, from: Data(bytes))
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
