import TertibRuntime
import TertibCore
import TertibPostgres
import TertibTesting
import Testing

@Suite("A statement that was enqueued on PostgreSQL")
struct EnqueuedTests {
    @Test(
        "A statement that was enqueued on PostgreSQL and refused leaves nothing that could be committed, wherever the error was swallowed"
    )
    func swallowed() async throws {
        try await withNotes { _, store in
            let failure = await storeError {
                try await store.transaction { transaction in
                    try transaction.enqueue("INSERT INTO note (text) VALUES ('a')", arguments: [])
                    try transaction.enqueue("INSERT INTO note (id, text) VALUES ('x', 'b')", arguments: [])
                    #expect(storeError { try transaction.settle() }?.code == .statement)
                    _ = storeError { try transaction.enqueue("INSERT INTO note VALUES (9)", arguments: []) }
                }
            }
            #expect(failure?.isRetriable == false)
            try await expectNotes([], in: store)
        }
    }

    @Test("A statement that was enqueued on PostgreSQL and refused at the commit is reported with its statement")
    func told() async throws {
        try await withNotes { _, store in
            let failure = await storeError {
                try await store.transaction { transaction in
                    for text in ["a", "b", "a", "c"] {
                        try transaction.enqueue("INSERT INTO note (text) VALUES (?)", arguments: [.text(text)])
                    }
                }
            }
            #expect(failure?.code == .statement)
            #expect(failure?.attempted == "run INSERT INTO note (text) VALUES (?)")
            #expect(failure?.reason.contains("23505") == true)
            try await expectNotes([], in: store)
        }
    }

    @Test("A statement that was enqueued on PostgreSQL and kept waiting by another replica is a conflict")
    func locked() async throws {
        try await withNotes { database, store in
            try await store.transaction { _ = try addNote("a", in: $0) }
            let hasty = try database.open { $0.lockTimeout = .milliseconds(20) }
            let (isHeld, mayEnd) = (Gate(), Gate())
            async let holding: Void = store.transaction { transaction in
                try transaction.execute("UPDATE note SET text = 'b'", arguments: [])
                isHeld.open()
                try mayEnd.waitOnThread(for: "the other to give up")
            }
            try await isHeld.wait(for: "the row to be locked")
            let failure = await storeError {
                try await hasty.transaction { try $0.enqueue("UPDATE note SET text = 'c'", arguments: []) }
            }
            mayEnd.open()
            try await holding
            #expect(failure?.code == .conflict)
            try await expectNotes(["b"], in: store)
            await hasty.close()
        }
    }

    @Test(
        "A statement that was enqueued on PostgreSQL and refused is classified by its SQLSTATE, as any other is",
        arguments: [
            ("40001", StoreError.Code.conflict), ("40P01", .conflict), ("55P03", .conflict), ("53100", .unavailable),
            ("57P03", .unavailable), ("23514", .statement), ("P0001", .statement),
        ])
    func states(state: String, code: StoreError.Code) async throws {
        try await withNotes { database, store in
            try database.psql(raising(state))
            let failures = Recorded<StoreError?>()
            let failure = await storeError {
                try await store.transaction { transaction in
                    try transaction.enqueue("INSERT INTO note (text) VALUES ('a')", arguments: [])
                    failures.add(storeError { try transaction.settle() })
                    failures.add(transaction.infrastructureFailure)
                }
            }
            #expect(failures.all.first??.code == code)
            #expect((failures.all.last??.code == code) == (code != .statement), "only the database's is remembered")
            #expect(failure?.code == (code == .statement ? .transactionLost : code), "it cannot be swallowed")
            try await expectNotes([], in: store)
        }
    }

    @Test(
        "A statement that was enqueued on PostgreSQL and still runs when the server goes away is an outage, and nothing is written"
    )
    func lost() async throws {
        try await withNotes { database, store in
            let gone = await storeError {
                try await store.transaction { transaction in
                    try transaction.enqueue("INSERT INTO note (text) VALUES ('a')", arguments: [])
                    try transaction.enqueue(
                        "INSERT INTO note (text) SELECT 'b' FROM pg_terminate_backend(pg_backend_pid())",
                        arguments: [])
                    try transaction.enqueue("INSERT INTO note (text) VALUES ('c')", arguments: [])
                    try transaction.settle()
                }
            }
            #expect(gone?.code == .unavailable)
            try await store.transaction { _ = try addNote("d", in: $0) }
            try await expectNotes(["d"], in: store)
        }
    }

    @Test("A statement that was enqueued on PostgreSQL in a savepoint that is undone never runs")
    func undone() async throws {
        try await withNotes { _, store in
            try await store.transaction { transaction in
                try transaction.enqueue("INSERT INTO note (text) VALUES ('a')", arguments: [])
                do {
                    try transaction.savepoint {
                        try transaction.enqueue("INSERT INTO note (text) VALUES ('a')", arguments: [])
                        throw Refusal()
                    }
                } catch is Refusal {
                    try transaction.enqueue("INSERT INTO note (text) VALUES ('b')", arguments: [])
                }
            }
            try await expectNotes(["a", "b"], in: store)
        }
    }

    @Test("A statement that was enqueued on PostgreSQL may be about a table that the one before it makes")
    func definition() async throws {
        try await withStore { store in
            let rows = try await store.transaction { transaction in
                try transaction.enqueue("CREATE TABLE thing (id bigint)", arguments: [])
                try transaction.enqueue("INSERT INTO thing VALUES (?)", arguments: [.integer(7)])
                return try transaction.query("SELECT id FROM thing", arguments: [])
            }
            #expect(rows.map { $0["id"] } == [.integer(7)])
        }
    }

    @Test("A statement that was enqueued on PostgreSQL may be one of more texts than are kept prepared")
    func manyTexts() async throws {
        try await withNotes { database, store in
            try await store.transaction { transaction in
                for number in 1...700 {
                    try transaction.enqueue("INSERT INTO note (id, text) VALUES (\(number), ?)", arguments: [.null])
                }
            }
            #expect(try database.psql("SELECT count(*), sum(id) FROM note") == "700|245350")
        }
    }

    @Test("A statement that was enqueued on PostgreSQL may answer more than any buffer holds, while more is being sent")
    func largeAnswers() async throws {
        try await withNotes { database, store in
            let text = String(repeating: "x", count: 60_000)
            try await store.transaction { transaction in
                for _ in 1...200 {
                    try transaction.enqueue("SELECT repeat(?, 2)", arguments: [.text(text)])
                }
                try transaction.enqueue("INSERT INTO note (text) VALUES ('last')", arguments: [])
            }
            try await expectNotes(["last"], in: store)
        }
    }
}
