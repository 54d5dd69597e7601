import TertibRuntime
import TertibCore
import TertibPostgres
import Testing

@Suite("A user's statement on PostgreSQL")
struct StatementTests {
    static let forbidden = [
        "BEGIN", "start transaction", "COMMIT", "END", "ROLLBACK", "abort", "SAVEPOINT a", "RELEASE a",
        "PREPARE TRANSACTION 'a'", "PREPARE a AS SELECT 1", "EXECUTE a", "DEALLOCATE ALL", "SET search_path = a",
        "SET LOCAL synchronous_commit = off", "RESET ALL", "DISCARD ALL", "COPY note FROM STDIN", "LISTEN a",
        "-- a\nCOMMIT", "/* /* */ */ COMMIT", ";;COMMIT", "\t;\n/* a */ commit work",
    ]

    @Test(
        "A user's statement on PostgreSQL that would control the transaction or the session is refused, however it is disguised"
    )
    func forbidden() async throws {
        try await withNotes { _, store in
            let codes = Recorded<StoreError.Code?>()
            try await store.transaction { transaction in
                for sql in Self.forbidden {
                    codes.add(storeError { try transaction.execute(sql, arguments: []) }?.code)
                }
                try addNote("kept", in: transaction)
            }
            #expect(codes.all == Self.forbidden.map { _ in .forbiddenStatement })
            try await expectNotes(["kept"], in: store)
        }
    }

    @Test(
        "A user's statement on PostgreSQL behind another one's semicolon is refused by the server, and neither of them runs"
    )
    func second() async throws {
        try await withNotes { _, store in
            let failure = await storeError {
                try await store.transaction { transaction in
                    _ = try transaction.execute("INSERT INTO note (text) VALUES ('a'); COMMIT", arguments: [])
                }
            }
            #expect(failure?.code == .statement)
            try await expectNotes([], in: store)
        }
    }

    @Test("A user's statement on PostgreSQL takes values for columns of other types, as SQLite does")
    func types() async throws {
        try await withStore { store in
            let rows = try await store.transaction { transaction in
                try transaction.execute(
                    """
                    CREATE TABLE thing (flag boolean, small integer, price numeric(10, 2), day date, id uuid,
                        data jsonb, bytes bytea, fraction real, total numeric)
                    """, arguments: [])
                try transaction.execute(
                    "INSERT INTO thing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    arguments: [
                        .integer(1), .integer(7), .double(12.5), .text("2026-03-01"),
                        .text("0191b7fb-1e3c-4924-88f5-154d0fa845d9"), .text(#"{"a": 1}"#), .blob([0, 255, 39, 92]),
                        .double(0.5), .text("123456789012345678901234567890"),
                    ])
                return try transaction.query(
                    "SELECT *, NULL AS nothing, 'NaN'::float8 AS nan FROM thing", arguments: [])
            }
            let row = try #require(rows.first)
            #expect(row["flag"] == .integer(1))
            #expect(row["small"] == .integer(7))
            #expect(row["price"] == .double(12.5))
            #expect(row["day"] == .text("2026-03-01"))
            #expect(row["id"] == .text("0191b7fb-1e3c-4924-88f5-154d0fa845d9"))
            #expect(row["data"] == .text(#"{"a": 1}"#))
            #expect(row["bytes"] == .blob([0, 255, 39, 92]))
            #expect(row["fraction"] == .double(0.5))
            #expect(row["total"] == .text("123456789012345678901234567890"))
            #expect(row["nothing"] == .null)
            #expect(row["nan"].double?.isNaN == true)
        }
    }

    @Test("A user's statement on PostgreSQL with a U+0000 in its text or its values is refused before it is sent")
    func zero() async throws {
        try await withNotes { _, store in
            let codes = Recorded<StoreError.Code?>()
            try await store.transaction { transaction in
                codes.add(storeError { try addNote("a\0b", in: transaction) }?.code)
                codes.add(storeError { try transaction.execute("SELECT 1\0; DROP TABLE note", arguments: []) }?.code)
                try addNote("kept", in: transaction)
            }
            #expect(codes.all == [.statement, .statement])
            try await expectNotes(["kept"], in: store)
        }
    }

    @Test("A user's statement on PostgreSQL is prepared anew when another one of many has taken its place")
    func cache() async throws {
        try await withStore { store in
            let sum = try await store.read { reader in
                var sum: Int64 = 0
                for number in Array(0..<300) + Array(0..<300) {
                    sum += try reader.query("SELECT \(number)::bigint AS n", arguments: []).first?["n"].integer ?? 0
                }
                return sum
            }
            #expect(sum == 299 * 300)
        }
    }

    @Test("A user's statement on PostgreSQL that fails never repeats the value it was given, in its message")
    func masked() async throws {
        try await withNotes { _, store in
            for (sql, value) in [
                ("INSERT INTO note (id) VALUES (?)", "canary"),
                ("SELECT ?::date", "canary-01-01"),
                ("SELECT ?::int", "99999999999999"),
            ] {
                let failure = await storeError {
                    try await store.transaction { _ = try $0.query(sql, arguments: [.text(value)]) }
                }
                #expect(failure?.code == .statement)
                #expect(failure?.description.contains(value) == false, "\(failure?.description ?? "")")
            }
        }
    }

    @Test("A user's statement on PostgreSQL with a hostile id finds that id, and nothing else")
    func hostile() async throws {
        let ids =
            ["'; DROP TABLE note; --", "%", "_", "🛒", "\\", "$1", "?", "{NULL,\"a\"}", "NULL", "a'b\"c`d", " "]
            + [String(repeating: "ü", count: 64), "\u{e9}", "e\u{301}"]
        try await withStore { store in
            let consumer = try ConsumerName("orders")
            let aggregates = try ids.map { Aggregate(type: try AggregateType("product"), id: try AggregateID($0)) }
            let won = try await store.transaction { transaction in
                try transaction.claim(consumer, aggregates.map { Watermark(aggregate: $0) })
            }
            #expect(Set(won.keys) == Set(aggregates))
            for aggregate in aggregates {
                let found = try await store.transaction { transaction in
                    let row = ParkedEvent(
                        aggregate: aggregate, version: .first, eventID: try EventID("event'\(aggregate.id.text.count)"),
                        streamSequence: StreamSequence(1), stored: Array(aggregate.id.text.utf8), reason: .gap,
                        parkedAt: try transaction.now(), error: aggregate.id.text)
                    _ = try transaction.park(consumer, [row])
                    let head = AggregateHead(aggregate: aggregate, version: .first)
                    _ = try transaction.compareAndSetHead(nil, to: head)
                    return (
                        try transaction.watermarks(consumer, of: [aggregate]).keys.map(\.id.text),
                        try transaction.parked(consumer, of: aggregate, from: .first, limit: 10).map(\.error),
                        try transaction.head(of: aggregate)?.aggregate.id.text
                    )
                }
                #expect(found.0 == [aggregate.id.text])
                #expect(found.1 == [aggregate.id.text])
                #expect(found.2 == aggregate.id.text)
            }
        }
    }
}
