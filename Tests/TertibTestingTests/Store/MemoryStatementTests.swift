import TertibRuntime
import TertibTesting
import Testing

@Suite("Statements of a memory store, which does not read SQL")
struct MemoryStatementTests {
    private static let columns = ["shelf", "name", "count"]
    private let store = MemoryStore(statements: [
        "insert": .insert(into: "item", columns: columns, key: ["shelf", "name"]),
        "upsert": .upsert(into: "item", columns: columns, key: ["shelf", "name"]),
        "all": .select(from: "item"),
        "by count": .select(from: "item", where: ["count"]),
        "rename": .update("item", set: ["count"], where: ["name"]),
        "drop": .delete(from: "item", where: ["shelf"]),
    ])

    @Test("rows come by their keys: numbers by size, text by its bytes, NULL first, however short or odd")
    func order() async throws {
        let shelves: [SQLValue] = [
            .null, .integer(.min), .integer(-1), .integer(0), .integer(.max), .double(-2.5), .double(-1), .double(0),
            .double(1e9), .text(""), .text("a"), .text("a\u{0}"), .text("a\u{0}b"), .text("a\u{1}"), .text("b"),
            .text("e\u{301}"), .text("\u{e9}"), .blob([]), .blob([0]), .blob([0, 1]), .blob([1]),
        ]
        for shelf in shelves.reversed() { try await run("insert", [shelf, .text("x"), .integer(1)]) }
        let found = try await all().map { $0["shelf"] }
        #expect(found.map(\.debugText) == shelves.map(\.debugText))
    }

    @Test("an insert refuses a key that is there, and an upsert replaces the row")
    func insertAndUpsert() async throws {
        try await run("insert", [.integer(1), .text("a"), .integer(1)])
        let failure = await #expect(throws: StoreError.self) {
            try await run("insert", [.integer(1), .text("a"), .integer(2)])
        }
        #expect(failure?.code == .statement)
        try await run("upsert", [.integer(1), .text("a"), .integer(3)])
        try await run("upsert", [.integer(2), .text("a"), .integer(4)])
        #expect(try await all().map { $0["count"] } == [.integer(3), .integer(4)])
    }

    @Test("rows are compared as a database does: NULL equals nothing")
    func comparing() async throws {
        try await run("insert", [.integer(1), .text("a"), .null])
        try await run("insert", [.integer(1), .text("b"), .integer(2)])
        #expect(try await query("by count", [.integer(2)]).map { $0["name"] } == [.text("b")])
        #expect(try await query("by count", [.null]).isEmpty)
        #expect(try await run("rename", [.integer(9), .text("a")]) == 1)
        #expect(try await query("by count", [.integer(9)]).map { $0["name"] } == [.text("a")])
        #expect(try await run("drop", [.integer(1)]) == 2)
        #expect(try await all().isEmpty)
    }

    @Test("too few arguments fail the statement")
    func tooFew() async throws {
        let failure = await #expect(throws: StoreError.self) { try await run("insert", [.integer(1)]) }
        #expect(failure?.code == .statement)
    }

    @Test("a reader's query cannot write")
    func readers() async throws {
        let failure = await #expect(throws: StoreError.self) {
            try await store.read { try $0.query("drop", arguments: [.integer(1)]) }
        }
        #expect(failure?.code == .statement)
    }

    @discardableResult
    private func run(_ sql: String, _ arguments: [SQLValue]) async throws -> Int {
        try await store.transaction { try $0.execute(sql, arguments: arguments) }
    }

    private func query(_ sql: String, _ arguments: [SQLValue]) async throws -> [SQLRow] {
        try await store.transaction { try $0.query(sql, arguments: arguments) }
    }

    private func all() async throws -> [SQLRow] { try await query("all", []) }
}

extension SQLValue {
    /// The value, with text by its bytes: two spellings of one letter are equal as Swift's text.
    fileprivate var debugText: String {
        if case .text(let text) = self { "text \(Array(text.utf8))" } else { "\(self)" }
    }
}
