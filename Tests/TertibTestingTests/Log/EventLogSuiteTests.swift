import TertibRuntime
import TertibCore
import TertibTesting
import Testing

@Suite("The event log's suite notices a log that breaks its contract")
struct EventLogSuiteTests {
    /// A broken rule, and the beginning of the check that has to notice it.
    static let faults: [(ForwardingLog.Type, String)] = [
        (ExpectsNothing.self, "a publish that expects another sequence is not stored"),
        (ExpectsNothing.self, "of writers that expect the same sequence"),
        (ExpectsNothing.self, "a message is stored as it was published"),
        (RenamesEvents.self, "the same id again is a duplicate"),
        (RenamesEvents.self, "an id is a duplicate on another subject"),
        (DropsBodies.self, "bodies of every size"),
        (SearchesFromTheStart.self, "the first message on a subject is found"),
        (ReadsTheFirst.self, "the last message on a subject is found"),
        (DropsFilters.self, "a subscription to one type"),
        (SharesWithAnybody.self, "a durable consumer of another database is refused"),
        (NeverFull.self, "no more than the limit is unanswered"),
        (NeverFull.self, "what waits for its delay counts"),
        (BreaksAnswers.self, "a delay holds a delivery back"),
        (BreaksAnswers.self, "saying in-progress restarts"),
        (LosesAcknowledgements.self, "what is acknowledged is never"),
        (LosesAcknowledgements.self, "a late acknowledgement"),
        (LosesAcknowledgements.self, "a durable consumer remembers"),
        (DeliversCarelessly.self, "what is not answered is delivered again"),
        (DeliversCarelessly.self, "at most as many as asked for"),
        (KeepsTheRest.self, "closing gives back"),
        (KeepsTheRest.self, "what is pulled ahead"),
    ]

    @Test("each planted fault fails its check", arguments: faults.indices)
    func noticed(index: Int) async throws {
        let (type, name) = Self.faults[index]
        let check = try #require(
            EventLogConformance.checks.first { $0.name.lowercased().hasPrefix(name) }, "\(name)")
        let broker = try MemoryLog()
        let fixture = EventLogFixture(namespace: try Namespace("shop")) { type.init(broker.replica()) }
        await #expect(throws: ConformanceFailure.self, "\(type)") { try await check.run(on: fixture) }
    }

    @Test("a log that passes everything on passes everything", arguments: EventLogConformance.checks)
    func forwarded(check: ConformanceCheck<EventLogFixture>) async throws {
        let broker = try MemoryLog()
        try await check.run(on: EventLogFixture(namespace: try Namespace("shop")) { ForwardingLog(broker.replica()) })
    }

    @Test("the names of the checks are told apart")
    func names() {
        let names = (EventLogConformance.checks + EventLogConformance.administrationChecks).map(\.name)
        #expect(Set(names).count == names.count)
    }
}
