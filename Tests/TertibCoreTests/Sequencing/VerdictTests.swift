import Testing
import TertibCore

@Suite("Verdicts on a version against the watermark")
struct VerdictTests {
    private func verdict(_ number: Int, at watermark: Int, event: String? = nil, sequence: Int? = nil) throws -> Verdict
    {
        let arrival = try Sample.arrival(number, event: event, sequence: sequence)
        return Verdict(
            version: arrival.version, eventID: arrival.envelope.id, sequence: arrival.sequence,
            against: try Sample.watermark(watermark))
    }

    @Test("Below and at the watermark is stale, one above is next, higher is a gap")
    func table() throws {
        #expect(try verdict(4, at: 5) == .stale)
        #expect(try verdict(5, at: 5) == .stale)
        #expect(try verdict(6, at: 5) == .next)
        #expect(try verdict(7, at: 5) == .gap)
        #expect(try verdict(1, at: 0) == .next)
        #expect(try verdict(2, at: 0) == .gap)
    }

    @Test("Another event at the watermark is a fork; the lower stream sequence is canonical")
    func forks() throws {
        #expect(try verdict(5, at: 5, event: "other", sequence: 9) == .forked(isCanonical: true))
        #expect(try verdict(5, at: 5, event: "other", sequence: 2) == .forked(isCanonical: false))
        #expect(try verdict(4, at: 5, event: "other") == .stale, "below the watermark nothing is remembered")
    }

    @Test("The highest version does not overflow")
    func highest() throws {
        let watermark = Watermark(aggregate: try Sample.aggregate(), version: .highest)
        let verdict = Verdict(
            version: .highest, eventID: try EventID("e"), sequence: .none, against: watermark)
        #expect(verdict == .stale)
    }
}
