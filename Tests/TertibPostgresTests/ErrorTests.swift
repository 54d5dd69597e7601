import TertibRuntime
import TertibCore
import TertibPostgres
import TertibTesting
import TestServers
import Testing

/// Each failure is produced by the server itself.
@Suite("A failure of PostgreSQL's")
struct ErrorTests {
    @Test("A deadlock of two transactions is a conflict for one, and the other commits")
    func deadlock() async throws {
        try await withNotes(settings: ["deadlock_timeout": "20ms"]) { _, store in
            try await store.transaction { transaction in
                for name in ["a", "b"] { try addNote(name, in: transaction) }
            }
            let gates = [Gate(), Gate()]
            let codes = try await withThrowingTaskGroup(of: StoreError.Code?.self) { group in
                for (index, names) in [["a", "b"], ["b", "a"]].enumerated() {
                    group.addTask {
                        await storeError {
                            try await store.transaction { transaction in
                                let sql = "UPDATE note SET text = text || ? WHERE text = ?"
                                try transaction.execute(sql, arguments: [.text("\(index)"), .text(names[0])])
                                gates[index].open()
                                try gates[1 - index].waitOnThread(for: "the other transaction's first lock")
                                try transaction.execute(sql, arguments: [.text("\(index)"), .text(names[1])])
                            }
                        }?.code
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(codes) == [nil, .conflict])
            let notes = try await store.read { try $0.query("SELECT text FROM note", arguments: []) }
            #expect(Set(notes.compactMap { $0["text"].text?.last }).count == 1, "one of them wrote both")
        }
    }

    @Test("A lock that is not given in time is a conflict")
    func lockTimeout() async throws {
        try await withNotes { database, store in
            try await store.transaction { _ = try addNote("a", in: $0) }
            let impatient = try database.open { $0.lockTimeout = .milliseconds(20) }
            let (isHeld, mayEnd) = (Gate(), Gate())
            async let holding: Void = store.transaction { transaction in
                try transaction.execute("UPDATE note SET text = 'b'", arguments: [])
                isHeld.open()
                try mayEnd.waitOnThread(for: "the other to give up")
            }
            try await isHeld.wait(for: "the row to be locked")
            let failure = await storeError {
                try await impatient.transaction { _ = try $0.execute("UPDATE note SET text = 'c'", arguments: []) }
            }
            mayEnd.open()
            try await holding
            #expect(failure?.code == .conflict)
            #expect(failure?.isRetriable == true)
            try await expectNotes(["b"], in: store)
            await impatient.close()
        }
    }

    /// At read committed only a server's own code raises it: a trigger that demands a stronger isolation, say.
    @Test("A serialization failure is a conflict, and never the statement's")
    func serialization() async throws {
        try await withNotes { database, store in
            try database.psql(raising("40001"))
            let failure = await storeError {
                try await store.transaction { transaction in
                    _ = storeError(of: { try addNote("a", in: transaction) })
                }
            }
            #expect(failure?.code == .conflict, "although the body has swallowed it")
            try await expectNotes([], in: store)
        }
    }

    @Test(
        "A failure that the server's state is to blame for is an outage, and not the statement's",
        arguments: ["53100", "53200", "58030", "57P03", "08006", "XX001"])
    func resources(state: String) async throws {
        try await withNotes { database, store in
            try database.psql(raising(state))
            let failure = await storeError { try await store.transaction { _ = try addNote("a", in: $0) } }
            #expect(failure?.code == .unavailable)
            #expect(failure?.isInfrastructure == true)
            #expect(failure?.reason.contains(state) == true)
        }
    }

    @Test("A unique violation, a syntax error and a broken check are the statement's")
    func statements() async throws {
        try await withNotes { _, store in
            try await store.transaction { transaction in
                try addNote("canary", in: transaction)
                _ = try transaction.execute("ALTER TABLE note ADD CHECK (text <> 'no')", arguments: [])
            }
            for (text, state) in [("canary", "23505"), ("no", "23514")] {
                let failure = await storeError { try await store.transaction { _ = try addNote(text, in: $0) } }
                #expect(failure?.code == .statement)
                #expect(failure?.reason.contains(state) == true)
                #expect(failure?.reason.contains("canary") == false)
            }
            let failure = await storeError {
                try await store.transaction { _ = try $0.execute("INSERT note", arguments: []) }
            }
            #expect(failure?.code == .statement)
            try await expectNotes(["canary"], in: store)
        }
    }

    @Test("A statement of a handler that takes too long is the statement's; one of the store's own is an outage")
    func statementTimeout() async throws {
        try await withNotes { database, store in
            let impatient = try database.open { $0.statementTimeout = .milliseconds(50) }
            let slow = await storeError {
                try await impatient.transaction { _ = try $0.query("SELECT pg_sleep(20)", arguments: []) }
            }
            #expect(slow?.code == .statement)

            let (isHeld, mayEnd) = (Gate(), Gate())
            async let holding: Void = store.transaction { transaction in
                try transaction.execute("LOCK TABLE tertib_watermark", arguments: [])
                isHeld.open()
                try mayEnd.waitOnThread(for: "the other to give up")
            }
            try await isHeld.wait(for: "the table to be locked")
            let blocked = await storeError {
                try await impatient.transaction { transaction in
                    let aggregate = Aggregate(type: try AggregateType("a"), id: try AggregateID("1"))
                    _ = try transaction.watermarks(try ConsumerName("orders"), of: [aggregate])
                }
            }
            mayEnd.open()
            try await holding
            #expect(blocked?.code == .unavailable)
            await impatient.close()
        }
    }

    @Test("A table that has changed under a prepared statement is a conflict, and the next attempt succeeds")
    func changedTable() async throws {
        try await withNotes { database, store in
            let only = try database.open { $0.connections = 1 }
            let read: @Sendable (any StoreTransaction) throws -> Int = { transaction in
                try transaction.query("SELECT * FROM note", arguments: []).count
            }
            #expect(try await only.transaction(read) == 0)
            try database.psql("ALTER TABLE note ADD COLUMN more text")
            let failure = await storeError { try await only.transaction(read) }
            #expect(failure?.code == .conflict)
            #expect(try await only.transaction(read) == 0)
            await only.close()
        }
    }

    @Test("A statement that has failed, and was swallowed, refuses what follows and the commit")
    func swallowed() async throws {
        try await withNotes { database, store in
            let (codes, sent) = (Recorded<StoreError.Code?>(), Recorded<ArraySlice<UInt8>>())
            let relay = try CuttingRelay(to: database.cluster.port) { { sent.add($0) } }
            let watched = try PostgresStore(
                options: PostgresOptions(url: database.cluster.url(of: database.name, port: relay.port)))
            let failure = await storeError {
                try await watched.transaction { transaction in
                    try addNote("a", in: transaction)
                    codes.add(storeError(of: { try addNote("a", in: transaction) })?.code)
                    codes.add(storeError(of: { try addNote("b", in: transaction) })?.code)
                    codes.add(transaction.infrastructureFailure?.code)
                }
            }
            #expect(codes.all == [.statement, .statement, nil])
            #expect(failure?.code == .transactionLost)
            let words = String(decoding: sent.all.joined(), as: UTF8.self)
            #expect(words.contains("ROLLBACK") && !words.contains("COMMIT\0"), "the commit must not be tried")
            try await expectNotes([], in: store)
            await watched.close()
        }
    }

    @Test("A statement that has failed, and was swallowed within a savepoint, undoes that savepoint alone")
    func swallowedInSavepoint() async throws {
        try await withNotes { _, store in
            let codes = Recorded<StoreError.Code?>()
            try await store.transaction { transaction in
                try addNote("a", in: transaction)
                codes.add(
                    storeError(of: {
                        try transaction.savepoint {
                            try addNote("b", in: transaction)
                            _ = storeError(of: { try addNote("a", in: transaction) })
                        }
                    })?.code)
                try addNote("c", in: transaction)
            }
            #expect(codes.all == [.statement])
            try await expectNotes(["a", "c"], in: store)
        }
    }

    @Test("A deferred constraint fails at the commit, as a statement, and nothing is written")
    func deferredConstraint() async throws {
        try await withNotes { database, store in
            try database.psql(
                "CREATE TABLE child (note bigint NOT NULL REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED)")
            let failure = await storeError {
                try await store.transaction { _ = try $0.execute("INSERT INTO child VALUES (7)", arguments: []) }
            }
            #expect(failure?.code == .statement)
            #expect(try database.psql("SELECT count(*) FROM child") == "0")
        }
    }

    @Test("Missing tables are reported as such, with what to do")
    func missingTables() async throws {
        let database = try await TestDatabase.make()
        let store = try database.open()
        let failure = await storeError {
            try await store.transaction { _ = try $0.parkedCount(try ConsumerName("orders")) }
        }
        #expect(failure?.code == .schema)
        #expect(failure?.advice?.contains("migrate") == true)
        await store.close()
    }
}
