import TertibSQLite
import TertibTesting
import Testing

@Suite("The SQLite store keeps the contract of a consumer store")
struct ConformanceTests {
    @Test("conforms", arguments: ConsumerStoreConformance.checks)
    func conforms(check: ConformanceCheck<ConsumerStoreFixture>) async throws {
        let database = try TemporaryDatabase()
        try await check.run(on: ConsumerStoreFixture { try await database.open() })
    }
}
