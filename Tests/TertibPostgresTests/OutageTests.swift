import TertibRuntime
import TertibPostgres
import TertibTesting
import TestServers
import Testing

/// Connections that die, each in a way that networks and servers really do it.
@Suite("A connection that is lost")
struct OutageTests {
    @Test("A connection that is lost between two transactions is replaced, without a failure")
    func between() async throws {
        try await withNotes { database, store in
            for name in ["a", "b", "c"] {
                try await store.transaction { _ = try addNote(name, in: $0) }
                try database.throwOut()
            }
            try await expectNotes(["a", "b", "c"], in: store)
        }
    }

    @Test(
        "A connection that is lost within a transaction is an outage: nothing is written, and the next transaction succeeds"
    )
    func within() async throws {
        try await withNotes { database, store in
            let codes = Recorded<StoreError.Code?>()
            let lost = await storeError {
                try await store.transaction { transaction in
                    try addNote("a", in: transaction)
                    try database.throwOut()
                    codes.add(storeError(of: { try addNote("b", in: transaction) })?.code)
                    codes.add(storeError(of: { try transaction.savepoint { try addNote("c", in: transaction) } })?.code)
                    codes.add(transaction.infrastructureFailure?.code)
                }
            }
            #expect(codes.all == [.unavailable, .unavailable, .unavailable])
            #expect(lost?.code == .unavailable, "although the body has swallowed it")
            try await store.transaction { _ = try addNote("d", in: $0) }
            try await expectNotes(["d"], in: store)
        }
    }

    @Test("A connection that is lost within a savepoint is reported as an outage, whatever its body threw")
    func savepoint() async throws {
        try await withNotes { database, store in
            let codes = Recorded<StoreError.Code?>()
            _ = await storeError {
                try await store.transaction { transaction in
                    codes.add(
                        storeError(of: {
                            try transaction.savepoint {
                                try database.throwOut()
                                _ = storeError(of: { try addNote("a", in: transaction) })
                                throw Refusal()
                            }
                        })?.code)
                }
            }
            #expect(codes.all == [.unavailable])
        }
    }

    @Test(
        "A connection that is lost by a backend that is thrown out while it commits leaves the outcome unknown, and nothing written"
    )
    func killedDuringCommit() async throws {
        try await withNotes { database, store in
            try database.psql(
                """
                CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql
                    AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
                CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION linger()
                """)
            // The commit sleeps in the trigger until its backend is thrown out.
            async let thrownOut: Void = Self.throwOutSleeper(of: database)
            let unknown = await storeError { try await store.transaction { _ = try addNote("a", in: $0) } }
            try await thrownOut
            #expect(unknown?.code == .commitUnknown)
            #expect(unknown?.isRetriable == true)
            try await expectNotes([], in: store)
        }
    }

    @Test(
        "A connection that is lost before the answer to a commit has come leaves the outcome unknown, although all is written"
    )
    func answerLost() async throws {
        try await withNotes { database, store in
            let relay = try CuttingRelay(to: database.cluster.port)
            let far = try PostgresStore(
                options: PostgresOptions(url: database.cluster.url(of: database.name, port: relay.port)))
            // The commit's answer is lost, and the connection cut when everybody can see what was written.
            async let cut: Void = Self.cut(relay, whenWritten: "a", in: database)
            let unknown = await storeError {
                try await far.transaction { transaction in
                    try addNote("a", in: transaction)
                    relay.loseAnswers()
                }
            }
            try await cut
            #expect(unknown?.code == .commitUnknown)
            try await far.transaction { _ = try addNote("b", in: $0) }
            try await expectNotes(["a", "b"], in: store)
            await far.close()
        }
    }

    private static func throwOutSleeper(of database: TestDatabase) async throws {
        try database.throwOut(where: "wait_event = 'PgSleep'")
    }

    private static func cut(_ relay: CuttingRelay, whenWritten note: String, in database: TestDatabase) async throws {
        try database.awaitRow("SELECT 1 FROM note WHERE text = '\(note)'")
        relay.cut()
    }

    @Test("A connection that is lost by a server that no longer answers is given up, and the store goes on")
    func halted() async throws {
        try await withNotes { database, _ in
            let store = try database.open { $0.statementTimeout = .milliseconds(100) }
            let lost = await storeError {
                try await store.transaction { transaction in
                    let row = try transaction.query("SELECT pg_backend_pid() AS pid", arguments: []).first
                    _ = try database.halt(try #require(row?["pid"].integer)) {
                        try addNote("a", in: transaction)
                    }
                }
            }
            #expect(lost?.code == .unavailable)
            try await store.transaction { _ = try addNote("b", in: $0) }
            try await expectNotes(["b"], in: store)
            await store.close()
        }
    }

    @Test(
        "A connection that is lost by a transaction that stays idle for too long is the server's doing, and frees its rows"
    )
    func idle() async throws {
        try await withNotes { database, store in
            try await store.transaction { _ = try addNote("a", in: $0) }
            let slow = try database.open { $0.idleTransactionTimeout = .milliseconds(50) }
            let lost = await storeError {
                try await slow.transaction { transaction in
                    try transaction.execute("UPDATE note SET text = 'b'", arguments: [])
                    try database.awaitRow(
                        "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' "
                            + "AND datname = '\(database.name)')")
                    try transaction.execute("UPDATE note SET text = 'c'", arguments: [])
                }
            }
            #expect(lost?.code == .unavailable)
            try await expectNotes(["a"], in: store)
            await slow.close()
        }
    }

    @Test(
        "A connection that is lost to a server that is restarted at once comes back by itself, and committed rows are there"
    )
    func restarted() async throws {
        let cluster = try await PostgresCluster.start()
        let database = TestDatabase(cluster: cluster, name: try cluster.createDatabase())
        let store = try await database.migrated()
        try await makeNotes(in: store)
        try await store.transaction { _ = try addNote("a", in: $0) }
        cluster.kill()
        let away = await storeError { try await store.transaction { _ = try addNote("b", in: $0) } }
        #expect(away?.code == .unavailable)
        let unread = await storeError { try await store.read { try $0.outboxSummary() } }
        #expect(unread?.code == .unavailable)
        try await cluster.restart()
        try await store.transaction { _ = try addNote("c", in: $0) }
        try await expectNotes(["a", "c"], in: store)
        await store.close()
        cluster.stop()
    }
}
