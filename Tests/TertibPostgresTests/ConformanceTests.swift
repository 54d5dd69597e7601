import TertibPostgres
import TertibTesting
import Testing

@Suite("The PostgreSQL store keeps the contract of a consumer store")
struct ConformanceTests {
    @Test(
        "The PostgreSQL store keeps each sentence of a consumer store's contract",
        arguments: ConsumerStoreConformance.checks)
    func conforms(check: ConformanceCheck<ConsumerStoreFixture>) async throws {
        let database = try await TestDatabase.makeSchema()
        try await check.run(on: ConsumerStoreFixture { try database.open() })
    }
}
