import TertibPostgres
import TertibTesting
import Testing

@Suite("The PostgreSQL store keeps the contract of a consumer store")
struct ConformanceTests {
    @Test("conforms", arguments: ConsumerStoreConformance.checks)
    func conforms(check: ConformanceCheck<ConsumerStoreFixture>) async throws {
        let database = try await TestDatabase.makeSchema()
        try await check.run(on: ConsumerStoreFixture { try database.open() })
    }
}
