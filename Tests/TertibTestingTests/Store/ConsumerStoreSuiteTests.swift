import Testing
import TertibRuntime
import TertibTesting

@Suite("The consumer store's suite notices a store that breaks its contract")
struct ConsumerStoreSuiteTests {
    /// A broken rule, and the beginning of the check that has to notice it.
    static let faults: [(ForwardingTransaction.Type, String)] = [
        (ClaimsWithoutRevision.self, "a claim with another revision"),
        (ClaimsWithoutVersion.self, "a claim with another version"),
        (LosesWholeClaims.self, "what is lost is left out of a claim"),
        (BelievesItsCaller.self, "a claim returns the row as the database has it"),
        (ParksOver.self, "parking a version that is parked writes nothing"),
        (ParksSilently.self, "parking the same event again"),
        (DeletesBelow.self, "deleting takes the rows up to and including"),
        (SavesNothing.self, "what a savepoint's body wrote is undone"),
        (TrustsTheClock.self, "retries are due at their time"),
        (NamesYoungGaps.self, "gaps are named with their lowest row"),
        (IgnoresLeases.self, "what is taken is not taken again"),
        (SetsHeadsBlindly.self, "a head is replaced when its version is the expected one"),
        (RegistersOver.self, "the first registration is inserted"),
        (ForbidsNothing.self, "statements that control transactions are refused"),
        (KeepsRepeats.self, "a repeat keeps one row"),
    ]

    @Test("each planted fault fails its check", arguments: faults.indices)
    func noticed(index: Int) async throws {
        let (type, name) = Self.faults[index]
        let check = try #require(ConsumerStoreConformance.checks.first { $0.name.hasPrefix(name) }, "\(name)")
        let database = MemoryStore()
        let fixture = ConsumerStoreFixture { ForwardingStore(database.replica()) { type.init($0) } }
        await #expect(throws: ConformanceFailure.self, "\(type)") { try await check.run(on: fixture) }
    }

    @Test("a store that passes everything on passes everything", arguments: ConsumerStoreConformance.checks)
    func forwarded(check: ConformanceCheck<ConsumerStoreFixture>) async throws {
        let database = MemoryStore()
        try await check.run(
            on: ConsumerStoreFixture { ForwardingStore(database.replica()) { ForwardingTransaction($0) } })
    }

    @Test("the names of the checks are told apart")
    func names() {
        let names = ConsumerStoreConformance.checks.map(\.name)
        #expect(Set(names).count == names.count)
    }
}
