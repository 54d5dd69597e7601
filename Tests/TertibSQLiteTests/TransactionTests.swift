import Foundation
import Tertib
import TertibCore
import TertibSQLite
import Testing

@Suite("A transaction")
struct TransactionTests {
    private static let table = "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)"

    @Test("commits what its body wrote, and gives back its result")
    func commits() async throws {
        try await withStore { store in
            let count = try await store.transaction { transaction in
                try transaction.execute(Self.table, arguments: [])
                return try transaction.execute(
                    "INSERT INTO note (text) VALUES (?), (?)", arguments: [.text("a"), .null])
            }
            #expect(count == 2)
            let rows = try await store.read { try $0.query("SELECT text FROM note ORDER BY id", arguments: []) }
            #expect(rows.map { $0["text"] } == [.text("a"), .null])
        }
    }
}
