import Testing
import TertibTesting

@Suite("The memory store keeps the consumer store's contract")
struct ConsumerStoreConformanceTests {
    @Test("at read committed", arguments: ConsumerStoreConformance.checks)
    func readCommitted(check: ConformanceCheck<ConsumerStoreFixture>) async throws {
        let database = MemoryStore(isolation: .readCommitted)
        try await check.run(on: ConsumerStoreFixture { database.replica() })
    }

    @Test("with one writer at a time", arguments: ConsumerStoreConformance.checks)
    func serial(check: ConformanceCheck<ConsumerStoreFixture>) async throws {
        let database = MemoryStore(isolation: .serial)
        try await check.run(on: ConsumerStoreFixture { database.replica() })
    }
}
