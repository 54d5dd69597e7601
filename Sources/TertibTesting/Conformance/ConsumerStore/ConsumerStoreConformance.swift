import TertibRuntime

/// The contract of ``ConsumerStore``, sentence by sentence, for every database alike.
///
/// ```swift
/// @Test(arguments: ConsumerStoreConformance.checks)
/// func conforms(check: ConformanceCheck<ConsumerStoreFixture>) async throws {
///     let folder = try TemporaryFolder()
///     try await check.run(on: ConsumerStoreFixture { try await MyStore.open(folder.path) })
/// }
/// ```
///
/// The statements that the checks send are those of ``ConformanceSQL``.
public enum ConsumerStoreConformance {
    /// A check.
    public typealias Check = ConformanceCheck<ConsumerStoreFixture>

    /// All checks.
    public static var checks: [Check] {
        transactionChecks + effectChecks + enqueuedChecks + savepointChecks + claimChecks + writeChecks + parkingChecks
            + deadLetterChecks + sweepingChecks + registrationChecks + headChecks + outboxChecks + reopeningChecks
            + readerChecks
            + isolationChecks + raceChecks
    }

    /// A check on one store.
    static func check(
        _ name: String, _ body: @escaping @Sendable (any ConsumerStore) async throws -> Void
    ) -> Check {
        Check(name) { fixture in try await fixture.withStore(body) }
    }

    /// A check on two stores that share one database, as two replicas do.
    static func checkReplicas(
        _ name: String, _ body: @escaping @Sendable (any ConsumerStore, any ConsumerStore) async throws -> Void
    ) -> Check {
        Check(name) { fixture in try await fixture.withTwoStores(body) }
    }
}

/// An error that no store knows: what a body throws to see it come back.
struct BodyFailure: Error, Equatable {}
