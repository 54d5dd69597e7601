import TertibSQLite
import TertibTesting
import Testing

@Suite("The SQLite store keeps the contract of a consumer store")
struct ConformanceTests {
    @Test(
        "The SQLite store keeps each sentence of a consumer store's contract",
        arguments: ConsumerStoreConformance.checks)
    func conforms(check: ConformanceCheck<ConsumerStoreFixture>) async throws {
        let database = try TemporaryDatabase()
        try await check.run(on: ConsumerStoreFixture { try await database.open() })
    }
}
