import Testing

@testable import TertibCore

@Suite("The audit's verdict on one aggregate of one consumer, given its watermark and the stream")
struct AuditVerdictTests {
    /// The stream holds versions 1 to 5 at the sequences 10 to 50; of it, everything up to 50 is acknowledged.
    private static let history = (1...5).map { (version: $0, sequence: UInt64($0 * 10)) }

    private func observed(_ version: Int, _ id: String, at sequence: UInt64) throws -> ObservedEvent {
        var envelope = try Sample.arrival(version).envelope
        envelope.id = try EventID(id)
        return ObservedEvent(envelope, at: StreamSequence(sequence))
    }

    private func verdict(
        watermark: Int?, status: AggregateStatus = .ok, event: String? = nil, at sequence: UInt64? = nil,
        history: [(version: Int, sequence: UInt64)] = history, floor: UInt64 = 50, first: UInt64 = 1,
        isSameStream: Bool = true
    ) throws -> AuditVerdict {
        var audit = AggregateAudit()
        if let watermark {
            audit.watermark = Watermark(
                aggregate: try Sample.aggregate(), version: try Sample.version(watermark),
                eventID: watermark == 0 ? nil : try EventID(event ?? "event-\(watermark)"),
                streamSequence: StreamSequence(sequence ?? UInt64(watermark * 10)), status: status, revision: 1)
        }
        for event in history.reversed() {
            audit.record(
                try observed(event.version, "event-\(event.version)", at: event.sequence))
        }
        return audit.verdict(
            AuditedPosition(
                floor: StreamSequence(floor), first: StreamSequence(first), last: StreamSequence(60),
                isSameStream: isSameStream))
    }

    @Test("Everything applied is level")
    func level() throws {
        #expect(try verdict(watermark: 5) == .level)
        #expect(try verdict(watermark: 0, history: []) == .level)
        #expect(try verdict(watermark: nil, history: []) == .level)
    }

    @Test("What lies above the acknowledged floor is still to come")
    func lagging() throws {
        #expect(try verdict(watermark: 4, floor: 49) == .lagging)
        #expect(try verdict(watermark: 0, floor: 9) == .lagging)
        #expect(try verdict(watermark: nil, floor: 9) == .lagging)
        #expect(try verdict(watermark: 3, status: .gap, floor: 39) == .lagging)
    }

    @Test("An acknowledged next version that is not applied is behind", arguments: 0...4)
    func behind(version: Int) throws {
        #expect(try verdict(watermark: version) == .behind)
    }

    @Test("A failing or quarantined aggregate is behind")
    func failed() throws {
        #expect(try verdict(watermark: 3, status: .retrying) == .behind)
        #expect(try verdict(watermark: 3, status: .quarantined) == .behind)
        #expect(try verdict(watermark: 3, status: .quarantined, floor: 0) == .behind)
    }

    @Test("A version that the stream lacks, below acknowledged ones, is a gap")
    func gapped() throws {
        let holed = Self.history.filter { $0.version != 4 }
        #expect(try verdict(watermark: 3, history: holed) == .gapped)
        #expect(try verdict(watermark: 3, status: .gap, history: holed, floor: 0) == .gapped)
        #expect(try verdict(watermark: 3, history: holed, floor: 49) == .lagging)
        #expect(try verdict(watermark: 3, status: .gap) == .gapped)
        #expect(try verdict(watermark: 3, status: .stuck) == .gapped)
    }

    @Test("Stream order need not be version order")
    func disorder() throws {
        let history: [(version: Int, sequence: UInt64)] = [(1, 10), (3, 20), (2, 30)]
        #expect(try verdict(watermark: 1, history: history, floor: 20) == .lagging)
        #expect(try verdict(watermark: 1, history: history, floor: 30) == .behind)
        #expect(try verdict(watermark: 3, at: 20, history: history) == .level)
    }

    @Test("A watermark above the stream is ahead, unless its event was removed")
    func ahead() throws {
        #expect(try verdict(watermark: 7, at: 70) == .ahead)
        #expect(try verdict(watermark: 7, at: 50) == .ahead)
        #expect(try verdict(watermark: 7, at: 0) == .ahead)
        #expect(try verdict(watermark: 7, at: 55) == .level)
        #expect(try verdict(watermark: 7, at: 5, history: [], first: 6) == .level)
        #expect(try verdict(watermark: 7, at: 5, history: [], first: 6, isSameStream: false) == .ahead)
    }

    @Test("Another event at the watermark's version is a fork")
    func forked() throws {
        #expect(try verdict(watermark: 3, event: "another") == .forked)
        #expect(try verdict(watermark: 5, event: "another") == .forked)
    }

    @Test("Of two events with one version the one with the lower sequence is canonical")
    func canonical() throws {
        let twice = Self.history + [(version: 5, sequence: UInt64(55))]
        #expect(try verdict(watermark: 5, history: twice) == .level)
        var audit = AggregateAudit()
        audit.watermark = Watermark(
            aggregate: try Sample.aggregate(), version: .first, eventID: try EventID("later"),
            streamSequence: StreamSequence(20), revision: 1)
        audit.record(try observed(1, "later", at: 20))
        audit.record(try observed(1, "earlier", at: 10))
        let position = AuditedPosition(
            floor: StreamSequence(20), first: StreamSequence(1), last: StreamSequence(20), isSameStream: true)
        #expect(audit.verdict(position) == .forked)
    }

    @Test("A row whose version was changed by hand is judged by its version")
    func changedRow() throws {
        #expect(try verdict(watermark: 3, event: "event-5", at: 50) == .behind)
        #expect(try verdict(watermark: 7, event: "event-5", at: 50) == .ahead)
    }

    @Test("Acknowledged events without any watermark are missing")
    func missing() throws {
        #expect(try verdict(watermark: nil) == .missing)
        #expect(try verdict(watermark: nil, floor: 10) == .missing)
    }
}
