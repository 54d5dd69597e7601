import Foundation
import Testing
import TertibRuntime
import TertibCore

@testable import TertibTesting

@Suite("Oracles")
struct OracleTests {
    private let factory: EventFactory
    private let aggregate: Aggregate

    init() throws {
        factory = try EventFactory()
        aggregate = try Sample.aggregate("1")
    }

    @Test("there is one list of them, each with a name of its own in kebab case")
    func names() {
        let names = OracleSettings().oracles.map(\.name)
        #expect(Set(names).count == 15)
        #expect(names.count == 15)
        let ids = OracleSettings().oracles.map(\.id)
        #expect(ids.prefix(12) == (1...12).map { "I\($0)" }[...] && Set(ids).count == 15)
        #expect(names.allSatisfy { $0.wholeMatch(of: /[a-z]+(-[a-z]+)*/) != nil })
    }

    @Test("the documentation says of each what it says itself")
    func documented() throws {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let text = try String(contentsOf: root.appendingPathComponent("docs/verification.md"), encoding: .utf8)
        for oracle in OracleSettings().oracles {
            #expect(
                text.contains("| \(oracle.id) | `\(oracle.name)` | \(oracle.statement) |"),
                "\(oracle.name): \(oracle.statement)")
        }
    }

    @Test("a delivery without an outcome, with two, or of another batch is found")
    func settlements() {
        let (one, two) = (Arrival.Ticket(1), Arrival.Ticket(2))
        func judge(_ acknowledged: Set<Arrival.Ticket>, _ carried: Set<Arrival.Ticket>, givesBack: Bool) -> String? {
            var oracle = DeliveriesOracle()
            return oracle.observe(
                .settled(
                    BatchObservation(
                        deliveries: [one, two], acknowledged: acknowledged, carried: carried, givesBack: givesBack)))
        }
        #expect(judge([one], [two], givesBack: false) == nil)
        #expect(judge([one], [], givesBack: true) == nil)
        #expect(judge([one], [], givesBack: false)?.contains("delivery 2") == true)
        #expect(judge([one, two], [two], givesBack: false)?.contains("delivery 2") == true)
        #expect(judge([one, two, Arrival.Ticket(3)], [], givesBack: false)?.contains("delivery 3") == true)
    }

    @Test("an event that was acknowledged, and is lost by a later commit, is found")
    func acknowledgedAndLost() throws {
        let event = try factory.envelope(aggregate, version: Sample.version(2))
        let parked = try Sample.parked(aggregate, 2, event: event.id.text)
        var oracle = AcknowledgementOracle()
        var answer = AcknowledgementObservation(StreamSequence(9), event: event)
        answer.parked = event.id
        #expect(oracle.observe(.acknowledged(answer)) == nil)
        #expect(oracle.observe(commit(1, .gap, parked: [parked])) == nil)
        #expect(oracle.observe(commit(1, .ok))?.contains("does not have it any more") == true)
        #expect(oracle.observe(commit(3, .ok)) == nil)  // below the watermark nothing can be told
        #expect(oracle.observe(commit(1, .ok)) == nil)
    }

    @Test("who is blamed without reason, or given up too early, is found")
    func blame() throws {
        let second = EventVersion(aggregate, try Sample.version(2))
        var oracle = PoisonOracle(failing: [second], bad: [second], maxAttempts: 3)
        #expect(oracle.observe(commit(1, .gap, parked: [try Sample.parked(aggregate, 2, reason: .retry)])) == nil)
        #expect(oracle.observe(commit(1, .gap, parked: [try Sample.parked(aggregate, 3, reason: .retry)])) != nil)
        let letter = try Sample.deadLetter(aggregate, version: try Sample.version(2), sequence: 2, attempts: 3)
        let early = try Sample.deadLetter(aggregate, version: try Sample.version(2), sequence: 2, attempts: 2)
        #expect(oracle.observe(commit(1, .quarantined, letters: [letter])) == nil)
        #expect(oracle.observe(commit(1, .quarantined, letters: [early]))?.contains("2 of 3") == true)
    }

    @Test("a handler that tells of its failures is blamed only for them, and given up only after all of them")
    func learned() throws {
        var oracle = PoisonOracle(failing: [], bad: [], maxAttempts: 2, leastFailures: 2)
        let retry = commit(1, .gap, parked: [try Sample.parked(aggregate, 2, reason: .retry)])
        #expect(oracle.observe(retry)?.contains("is blamed, and its handler does not fail") == true)
        let entry = LedgerEntry(
            aggregate: aggregate, version: try Sample.version(2), eventID: try EventID("learned"))
        #expect(oracle.observe(.handlerFailed(entry)) == nil)
        #expect(oracle.observe(retry) == nil)
        var rest = RestObservation()
        rest.deadLetters = [
            try Sample.deadLetter(aggregate, version: try Sample.version(2), sequence: 2, attempts: 2)
        ]
        #expect(oracle.observe(.rest(rest))?.contains("is blamed, and its handler does not fail") == true)
        #expect(oracle.observe(.handlerFailed(entry)) == nil)
        #expect(oracle.observe(.rest(rest)) == nil)
    }

    @Test("a status that does not go with what is parked is found, unless a drain is known to be left over")
    func statuses() throws {
        let next = try Sample.parked(aggregate, 2)
        var oracle = WatermarkOracle()
        #expect(oracle.observe(commit(1, .ok, parked: [next])) != nil)
        #expect(oracle.observe(commit(1, .gap)) != nil)
        #expect(oracle.observe(commit(1, .gap, parked: [next])) != nil)
        #expect(oracle.observe(commit(1, .stuck, parked: [next])) != nil)
        #expect(oracle.observe(commit(1, .gap, parked: [next], hasLeftovers: true)) == nil)
        #expect(oracle.observe(.wroteUnclaimed(aggregate)) != nil)
    }

    @Test("of two events of one version the wrong one, and a quarantine without a reason, are found")
    func forks() throws {
        let first = try factory.envelope(aggregate, version: .first, id: try EventID("first"))
        let second = try factory.envelope(aggregate, version: .first, id: try EventID("second"))
        var told = ForkOracle()
        for (number, event) in [first, second, first].enumerated() {
            let message = LoggedMessage(
                message: factory.codec.encode(event), sequence: StreamSequence(UInt64(number + 1)),
                storedAt: Sample.instant)
            #expect(told.observe(.stored(message, event)) == nil)
        }
        func judge(
            _ event: Envelope, _ status: AggregateStatus, besides others: (Envelope, DeadLetterReason)...
        ) throws -> String? {
            var rest = RestObservation()
            rest.watermarks = [
                Watermark(aggregate: aggregate, version: .first, eventID: event.id, status: status, revision: 1)
            ]
            rest.deadLetters = others.enumerated().map { index, letter in
                DeadLetter(
                    id: "\(index)", aggregate: aggregate, version: letter.0.version, eventID: letter.0.id,
                    streamCreatedAt: Sample.instant, streamSequence: StreamSequence(UInt64(index + 2)),
                    message: factory.codec.encode(letter.0), reason: letter.1, error: "", attempts: 0,
                    failedAt: Sample.instant)
            }
            var oracle = told
            return oracle.observe(.rest(rest))
        }
        let failed = try factory.envelope(aggregate, version: Sample.version(2), id: try EventID("failed"))
        #expect(try judge(first, .ok, besides: (second, .forked)) == nil)
        #expect(try judge(first, .ok)?.contains("no dead letter names second") == true)
        #expect(try judge(first, .quarantined, besides: (second, .forked))?.contains("is quarantined") == true)
        #expect(try judge(first, .quarantined, besides: (second, .forked), (failed, .failed)) == nil)
        #expect(
            try judge(first, .quarantined, besides: (second, .forked), (failed, .forked))?.contains("is quarantined")
                == true, "a fork of another version is no reason")
        #expect(try judge(second, .quarantined, besides: (first, .forked)) == nil)
        #expect(
            try judge(second, .quarantined, besides: (failed, .failed))?.contains("no dead letter names first")
                == true, "another reason hides nothing")
        #expect(try judge(second, .ok, besides: (first, .forked))?.contains("stands before it") == true)
    }

    @Test("a run that does not go on, and an event that is applied and a dead letter too, are found")
    func ends() throws {
        var ends = EndsOracle()
        #expect(ends.observe(.halted("nobody can go on")) == "nobody can go on")
        var rest = RestObservation()
        let event = try factory.envelope(aggregate, version: .first)
        rest.events = [event]
        rest.watermarks = [Watermark(aggregate: aggregate, version: .first, revision: 1)]
        rest.ledger = [LedgerEntry(aggregate: aggregate, version: .first, eventID: event.id)]
        var rests = RestOracle()
        #expect(rests.observe(.rest(rest)) == nil)
        rest.deadLetters = [
            DeadLetter(
                id: "letter", aggregate: aggregate, version: .first, eventID: event.id,
                streamCreatedAt: Sample.instant, streamSequence: StreamSequence(1),
                message: factory.codec.encode(event), reason: .forked, error: "", attempts: 0,
                failedAt: Sample.instant)
        ]
        #expect(rests.observe(.rest(rest))?.contains("dead letter too") == true)
    }

    @Test("A delivery that no count has, and an event that came in no way, are found")
    func counts() {
        var counts = ConsumerCounts()
        (counts.delivered, counts.appliedFromDelivery, counts.applied, counts.drained) = (10, 6, 7, 1)
        (counts.parked, counts.stale) = (1, 3)
        func found(_ change: (inout ConsumerCounts) -> Void = { _ in }, received: Int = 10) -> Bool {
            var (oracle, changed) = (DeliveriesOracle(), counts)
            change(&changed)
            return oracle.observe(.stopped(counts: changed, received: received)) != nil
        }
        let (isRight, less, more) = (!found(), found { $0.stale = 2 }, found { $0.applied = 8 })
        #expect(isRight && less && more && found(received: 11))
    }

    @Test("A watermark that falls between two samples, and a count that is wrong in one, are found")
    func samples() throws {
        var oracle = WatermarkOracle()
        let (two, three) = (try Sample.version(2), try Sample.version(3))
        #expect(oracle.observe(.sampled(SampleObservation(aggregate, three))) == nil)
        #expect(oracle.observe(.sampled(SampleObservation(aggregate, three, parked: (1, 1, nil)))) == nil)
        #expect(oracle.observe(.sampled(SampleObservation(aggregate, three, parked: (1, 2, nil)))) != nil)
        #expect(oracle.observe(.sampled(SampleObservation(aggregate, three, parked: (1, 1, three)))) != nil)
        #expect(oracle.observe(.sampled(SampleObservation(aggregate, two))) != nil)
    }

    @Test("Too much memory, a delay by poison, what still moves, and an audit that is wrong, are found")
    func processes() throws {
        var limits = LimitOracle(maxParkedPerAggregate: 1, maxParkedInAll: 1, maxMegabytes: 600)
        #expect(limits.observe(.memory(of: "r", megabytes: 600)) == nil)
        #expect(limits.observe(.memory(of: "r", megabytes: 601)) != nil)
        #expect(limits.observe(.memory(of: "r", megabytes: 601)) == nil, "once is enough")
        var poison = PoisonOracle(failing: [], bad: [])
        #expect(poison.observe(.delayed(secondsWithout: 1, secondsWith: 15)) == nil)
        #expect(poison.observe(.delayed(secondsWithout: 1, secondsWith: 15.1)) != nil)
        var rests = RestOracle()
        #expect(rests.observe(.stillMoving("5 events are parked")) != nil)
        let audits = AuditOracle(stopped: [try AggregateType("poison")])
        func found(_ change: (inout AuditObservation) throws -> Void) rethrows -> Bool {
            var (oracle, audit) = (audits, AuditObservation())
            try change(&audit)
            return oracle.observe(.audited(audit)) != nil
        }
        let poisoned = try Sample.aggregate("1", type: "poison")
        let allowed = !found { $0.reported = [(poisoned, "behind")] }
        let (other, lagging, fewer) = (
            found { $0.reported = [(aggregate, "behind")] }, found { $0.lagging = 1 },
            found { $0.expectedAggregates = 1 }
        )
        #expect(allowed && other && lagging && fewer)
    }

    /// A commit after which the aggregate stands at a version; nothing has changed but its status.
    private func commit(
        _ version: Int64, _ status: AggregateStatus, parked: [ParkedEvent] = [], letters: [DeadLetter] = [],
        hasLeftovers: Bool = false
    ) -> Observation {
        func row(_ status: AggregateStatus, revision: Int64) -> Watermark {
            Watermark(
                aggregate: aggregate, version: AggregateVersion(version) ?? .none, parked: parked.count,
                status: status, revision: revision)
        }
        var change = CommitObservation.Change(
            aggregate: aggregate, before: row(status, revision: 1), after: row(status, revision: 2), parked: parked,
            changesParked: true, applied: [], deadLetters: letters)
        change.hasLeftovers = hasLeftovers
        return .committed(CommitObservation(changes: [change], staged: [], parkedInAll: parked.count))
    }
}
