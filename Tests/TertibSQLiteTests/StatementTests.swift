import TertibRuntime
import TertibSQLite
import Testing

@Suite("A user's statement")
struct StatementTests {
    @Test(
        "A user's statement that would control the transaction or the connection is refused, however it is disguised",
        arguments: [
            "BEGIN", "begin immediate", "COMMIT", "END", "ROLLBACK", "ROLLBACK TO tertib", "SAVEPOINT a", "RELEASE a",
            "ATTACH 'x' AS y", "DETACH y", "VACUUM", "VACUUM INTO 'x'", "PRAGMA journal_mode = DELETE",
            "PRAGMA foreign_keys = OFF", "  \n\t\u{0B}\u{0C}\rCOMMIT", "-- a comment\nCOMMIT", "/* a */ /* b */COMMIT",
            "/* -- */ CoMmIt", "; ;COMMIT", "\u{FEFF}COMMIT", "--\n--;\n/**/;/*;*/COMMIT;", "EXPLAIN COMMIT",
            "EXPLAIN QUERY PLAN COMMIT", "COMMIT--", "/***/COMMIT",
        ])
    func forbidden(sql: String) async throws {
        try await withNotes { store in
            let failures = Recorded<StoreError.Code?>()
            try await store.transaction { transaction in
                for attempt in [
                    { _ = try transaction.execute(sql, arguments: []) },
                    { _ = try transaction.query(sql, arguments: []) },
                ] {
                    do { try attempt() } catch { failures.add((error as? StoreError)?.code) }
                }
                _ = try transaction.execute("INSERT INTO note (text) VALUES ('still here')", arguments: [])
            }
            #expect(failures.all == [.forbiddenStatement, .forbiddenStatement])
            try await expectNotes([.text("still here")], in: store)
        }
    }

    @Test(
        "A user's statement that only looks like one is allowed",
        arguments: [
            "SELECT 'COMMIT'", "SELECT 1 -- COMMIT", "SELECT 1; -- the end", "/* COMMIT */ SELECT 1", "VALUES (1)",
            "WITH begin_ AS (SELECT 1 AS n) SELECT n FROM begin_", "EXPLAIN QUERY PLAN SELECT 1",
            "CREATE TABLE commitment (id INTEGER)", "SELECT 1 AS \"end\"",
        ])
    func allowed(sql: String) async throws {
        try await withStore { store in
            try await store.transaction { _ = try $0.query(sql, arguments: []) }
        }
    }

    @Test(
        "A user's statement that is not exactly one statement with as many values as placeholders is its own failure",
        arguments: [
            ("SELECT 1; SELECT 2", []), ("SELECT 1; COMMIT", []), ("", []), ("-- nothing", []), ("SELEC 1", []),
            ("SELECT ?", []), ("SELECT ?", [.integer(1), .integer(2)]), ("SELECT 1", [.null]),
            ("SELECT * FROM nowhere", []), ("SELECT 1\u{0}; COMMIT", []),
        ] as [(String, [SQLValue])])
    func malformed(sql: String, arguments: [SQLValue]) async throws {
        try await withNotes { store in
            let codes = try await store.transaction { transaction in
                let failure = code { try transaction.query(sql, arguments: arguments) }
                try transaction.execute("INSERT INTO note (text) VALUES ('goes on')", arguments: [])
                return [failure, transaction.infrastructureFailure?.code]
            }
            #expect(codes == [.statement, nil])
            try await expectNotes([.text("goes on")], in: store)
        }
    }

    @Test("A user's statement returns the number of rows that it has changed itself")
    func changes() async throws {
        let trigger = "CREATE TRIGGER echo AFTER DELETE ON note BEGIN INSERT INTO other VALUES (1); END"
        let statements: [(sql: String, changes: Int)] = [
            ("INSERT INTO note (text) VALUES ('a'), ('b'), ('c')", 3), ("SELECT * FROM note", 0),
            ("CREATE TABLE other (id INTEGER)", 0), ("UPDATE note SET text = text || '!' WHERE text > 'a'", 2),
            ("UPDATE note SET text = 'x' WHERE id = 99", 0), (trigger, 0),
            ("WITH doomed AS (SELECT 1 AS id) DELETE FROM note WHERE id IN doomed", 1),
            ("REPLACE INTO note (id, text) VALUES (2, 'z') RETURNING id", 1), ("DELETE FROM note", 2),
        ]
        try await withNotes { store in
            let changes = try await store.transaction { transaction in
                try statements.map { try transaction.execute($0.sql, arguments: []) }
            }
            #expect(changes == statements.map(\.changes))
        }
    }

    @Test("A user's statement gets and gives every value as it is")
    func values() async throws {
        let values: [SQLValue] = [
            .null, .integer(.max), .integer(.min), .double(0.1), .text(""), .text("a\u{0}b"), .text("\u{e9}"),
            .text("e\u{301}"), .text("\u{1F6D2}'; DROP TABLE note; --"), .blob([]), .blob([0, 255]),
        ]
        try await withStore { store in
            let found = try await store.transaction { transaction in
                try values.map { try transaction.query(sql: "SELECT ? AS v", [$0]) }
            }
            #expect(found.map { $0?.bytes } == values.map(\.bytes))

            let many = Array(repeating: SQLValue.integer(1), count: 500)
            let sum = "SELECT \(many.map { _ in "?" }.joined(separator: " + ")) AS v"
            let total = try await store.transaction { try $0.query(sql: sum, many) }
            #expect(total == .integer(500))
        }
    }

    @Test("A user's statement that breaks a constraint can be followed by others")
    func constraint() async throws {
        try await withNotes { store in
            let codes = try await store.transaction { transaction in
                let insert = "INSERT INTO note (text) VALUES (?)"
                try transaction.execute(insert, arguments: [.text("a")])
                let codes = (0..<2).map { _ in code { try transaction.execute(insert, arguments: [.text("a")]) } }
                try transaction.execute(insert, arguments: [.text("b")])
                return codes + [transaction.infrastructureFailure?.code]
            }
            #expect(codes == [.statement, .statement, nil])
            try await expectNotes([.text("a"), .text("b")], in: store)
        }
    }

    @Test("A user's statement in a snapshot cannot write")
    func snapshot() async throws {
        try await withNotes { store in
            let failure = await #expect(throws: StoreError.self) {
                try await store.read { _ = try $0.query("INSERT INTO note (text) VALUES ('a')", arguments: []) }
            }
            #expect(failure?.code == .forbiddenStatement)
            try await expectNotes([], in: store)
        }
    }

    @Test("A user's statement may be another text each time")
    func manyStatements() async throws {
        try await withStore { store in
            let found = try await store.transaction { transaction in
                try (0..<600).map { try transaction.query(sql: "SELECT \($0) AS v", []) }
            }
            #expect(found == (0..<600).map { .integer($0) })
        }
    }
}

extension StoreTransaction {
    fileprivate func query(sql: String, _ arguments: [SQLValue]) throws -> SQLValue? {
        try query(sql, arguments: arguments).first?["v"]
    }
}

extension SQLValue {
    /// The value, its text compared by bytes.
    fileprivate var bytes: SQLValue {
        if case .text(let text) = self { .blob(Array("text ".utf8) + Array(text.utf8)) } else { self }
    }
}
