import Foundation
import Testing

@testable import TertibLab

@Suite("The documents of the lab")
struct StableKeysTests {
    @Test("have a key for everything, also where there is no value")
    func keys() throws {
        let options = ChaosOptions(seed: 1, length: .seconds(6), events: 100, broker: "", program: "")
        let chaos = try document(ChaosReport(options))
        #expect(chaos["secondsToRest"] is NSNull)
        #expect(chaos["folder"] is NSNull)
        let cell = ExperimentCell(mode: .tertib, profile: .none, replicas: 1, events: 100, rows: 5)
        #expect(try document(cell)["secondsToRest"] is NSNull)
    }

    @Test("are read as they were written")
    func round() throws {
        var report = ChaosReport(ChaosOptions(seed: 1, length: .seconds(6), events: 100, broker: "", program: ""))
        #expect(try JSONDecoder().decode(ChaosReport.self, from: JSONEncoder().encode(report)) == report)
        report.secondsToRest = 2.5
        #expect(try JSONDecoder().decode(ChaosReport.self, from: JSONEncoder().encode(report)) == report)
    }

    /// A document, which has to have the name of each stored property as a key.
    private func document(_ value: some Encodable) throws -> [String: Any] {
        let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(value))
        let document = try #require(json as? [String: Any])
        #expect(Set(document.keys) == Set(Mirror(reflecting: value).children.compactMap(\.label)))
        return document
    }
}
