import TertibPostgres
import TertibRuntime
import TertibSQL
import Testing

@Suite("A placeholder")
struct PlaceholderTests {
    /// Statements, and what the server is sent.
    static let translations: [(String, String)] = [
        ("SELECT ?", "SELECT $1"),
        ("?,?", "$1,$2"),
        ("a=?and b=?", "a=$1and b=$2"),
        ("'?' ?", "'?' $1"),
        ("'it''s ?' ?", "'it''s ?' $1"),
        (#"'\' ? '"#, #"'\' $1 '"#),
        (#"E'\'?' ?"#, #"E'\'?' $1"#),
        (#"e'\\' ?"#, #"e'\\' $1"#),
        (#"fee'\' ?"#, #"fee'\' $1"#),
        ("E'a'\n'\\'?' ?", "E'a'\n'\\'?' $1"),
        ("E'a' -- b\n '\\'?' ?", "E'a' -- b\n '\\'?' $1"),
        ("E'a' '\\' ?", "E'a' '\\' $1"),
        ("\"?\" ?", "\"?\" $1"),
        ("\"a\"\"?\" ?", "\"a\"\"?\" $1"),
        ("-- ?\n?", "-- ?\n$1"),
        ("-- ?\r?", "-- ?\r$1"),
        ("/* ? */ ?", "/* ? */ $1"),
        ("/* /* ? */ ? */ ?", "/* /* ? */ ? */ $1"),
        ("/*/ ? */ ?", "/*/ ? */ $1"),
        ("$$?$$ ?", "$$?$$ $1"),
        ("$a$ ? $b$ ? $a$ ?", "$a$ ? $b$ ? $a$ $1"),
        ("$ü$ ? $ü$ ?", "$ü$ ? $ü$ $1"),
        ("a$b$ ?", "a$b$ $1"),
        ("U&'?' N'?' ?", "U&'?' N'?' $1"),
        ("data ?? 'key' AND id = ?", "data ? 'key' AND id = $1"),
        ("'🛒?' ? /* é", "'🛒?' $1 /* é"),
        ("? 'open ?", "$1 'open ?"),
        ("?\u{301}", "$1\u{301}"),
    ]

    @Test(
        "A placeholder is numbered where it is one, and left alone in strings, names and comments",
        arguments: translations)
    func translated(statement: String, expected: String) throws {
        let translated = try UserStatement(statement, .postgres)
        #expect(translated.sql.utf8.elementsEqual(expected.utf8), "\(translated.sql)")
    }

    @Test("A placeholder is read by the server as it was meant, in every disguise")
    func understood() async throws {
        try await withStore { store in
            let rows = try await store.read { reader in
                try reader.query(
                    #"""
                    SELECT '?' || ? AS a, E'\'?' || ? AS b, $q$ ? $q$ || ? AS c, /* ? /* ? */ ? */ ? AS "d?", -- ?
                        '{"?":1}'::jsonb ?? ? AS e, 'it''s ?' AS f
                    """#, arguments: ["1", "2", "3", "4", "?"].map { .text($0) })
            }
            let row = try #require(rows.first)
            #expect(row["a"] == .text("?1"))
            #expect(row["b"] == .text("'?2"))
            #expect(row["c"] == .text(" ? 3"))
            #expect(row["d?"] == .text("4"))
            #expect(row["e"] == .integer(1))
            #expect(row["f"] == .text("it's ?"))
        }
    }

    @Test("A placeholder of PostgreSQL's own kind is refused, for the statement would work on one database only")
    func numbered() {
        #expect(storeError { _ = try UserStatement("SELECT $1", .postgres) }?.code == .statement)
        #expect(storeError { _ = try UserStatement("SELECT '$1', a$1", .postgres) } == nil)
    }

    @Test("A placeholder needs exactly one value", arguments: [0, 1, 3])
    func counted(count: Int) async throws {
        try await withStore { store in
            let failure = await storeError {
                try await store.transaction { transaction in
                    _ = try transaction.query(
                        "SELECT ?, ?", arguments: Array(repeating: .text("a"), count: count))
                }
            }
            #expect(failure?.code == .statement)
            #expect(failure?.reason.contains("2 placeholders") == true)
        }
    }
}
