import Testing
import TertibCore
import TertibTesting

@Suite("The memory log keeps the event log's contract")
struct EventLogConformanceTests {
    @Test("as a client sees it", arguments: EventLogConformance.checks)
    func client(check: ConformanceCheck<EventLogFixture>) async throws {
        let broker = try MemoryLog()
        try await check.run(on: EventLogFixture(namespace: try Namespace("shop")) { broker.replica() })
    }

    @Test("under an administrator's hands", arguments: EventLogConformance.administrationChecks)
    func administrator(check: ConformanceCheck<EventLogFixture>) async throws {
        let broker = try MemoryLog()
        let fixture = EventLogFixture(namespace: try Namespace("shop"), administration: broker.administration) {
            broker.replica()
        }
        try await check.run(on: fixture)
    }
}
