public import TertibRuntime
import TertibCore

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

    /// The consumer and the aggregate of most checks.
    static let consumer = constant(try Sample.consumer())
    static let aggregate = constant(try Sample.aggregate("42"))

    private static func constant<Value>(_ value: @autoclosure () throws -> Value) -> Value {
        do {
            return try value()
        } catch {
            preconditionFailure("a constant of the suite is not valid: \(error)")
        }
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

/// What a check of ``ConsumerStoreConformance`` runs on: one fresh database, opened as often as the check likes.
public struct ConsumerStoreFixture: Sendable {
    private let open: @Sendable () async throws -> any ConsumerStore

    /// Creates a fixture.
    /// - Parameter open: Opens the fixture's database, as one more replica would. The first call finds it without
    ///   tables. The check closes what it opened; deleting the database is the caller's.
    public init(open: @escaping @Sendable () async throws -> any ConsumerStore) {
        self.open = open
    }

    /// Opens, migrates and afterwards closes a store.
    func withStore(_ body: (any ConsumerStore) async throws -> Void) async throws {
        let store = try await open()
        do {
            try await store.migrate()
            try await body(store)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    /// Opens, migrates and afterwards closes two stores on the one database.
    func withTwoStores(_ body: (any ConsumerStore, any ConsumerStore) async throws -> Void) async throws {
        try await withStore { first in
            try await withStore { second in try await body(first, second) }
        }
    }

    /// Opens a store without tables, for the checks of the migration itself.
    func opened() async throws -> any ConsumerStore { try await open() }
}

/// The statements of the store's conformance suite, in the SQL that SQLite and PostgreSQL share.
///
/// A store that does not read SQL is told what they mean.
public enum ConformanceSQL {
    /// A table whose key refuses a second effect of one version.
    public static let createLedger = """
        CREATE TABLE ledger (aggregate_type TEXT NOT NULL, aggregate_id TEXT NOT NULL, version BIGINT NOT NULL, \
        event_id TEXT NOT NULL, PRIMARY KEY (aggregate_type, aggregate_id, version))
        """
    /// Records one effect; fails when the version has one.
    public static let insertLedger =
        "INSERT INTO ledger (aggregate_type, aggregate_id, version, event_id) VALUES (?, ?, ?, ?)"
    /// All effects.
    public static let selectLedger =
        "SELECT aggregate_type, aggregate_id, version, event_id FROM ledger ORDER BY aggregate_type, aggregate_id, version"

    /// A table with one column of each kind.
    public static let createSample =
        "CREATE TABLE sample (id BIGINT PRIMARY KEY, number BIGINT, fraction DOUBLE PRECISION, words TEXT)"
    /// Adds a row.
    public static let insertSample = "INSERT INTO sample (id, number, fraction, words) VALUES (?, ?, ?, ?)"
    /// All rows, by id.
    public static let selectSample = "SELECT id, number, fraction, words FROM sample ORDER BY id"
    /// The rows with these words, by id.
    public static let selectSampleByWords = "SELECT id FROM sample WHERE words = ? ORDER BY id"
    /// Changes every row.
    public static let updateEverySample = "UPDATE sample SET number = ?"
    /// Adds to the number of one row.
    public static let addToSample = "UPDATE sample SET number = number + ? WHERE id = ?"
    /// Deletes one row.
    public static let deleteSample = "DELETE FROM sample WHERE id = ?"

    /// Marks a dead letter as dealt with, as an operator's tool will.
    public static let resolveDeadLetter =
        "UPDATE tertib_dead_letter SET resolution = 'skipped' WHERE stream_sequence = ?"
    /// Reads a table that does not exist.
    public static let selectNowhere = "SELECT id FROM no_such_table"
}
