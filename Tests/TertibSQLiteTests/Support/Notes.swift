import Synchronization
import TertibRuntime
import TertibSQLite
import Testing

/// An error that no store knows.
struct Refusal: Error {}

/// Runs `body` on a store that has a user's table `note`.
func withNotes(_ body: (SQLiteStore) async throws -> Void) async throws {
    try await withStore { store in
        try await makeNotes(in: store)
        try await body(store)
    }
}

func makeNotes(in store: SQLiteStore) async throws {
    try await store.transaction { transaction in
        _ = try transaction.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT UNIQUE)", arguments: [])
    }
}

/// Expects these texts of the notes, in the order in which they were written.
func expectNotes(
    _ texts: [SQLValue], in store: SQLiteStore, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let notes = try await store.read {
        try $0.query("SELECT text FROM note ORDER BY id", arguments: []).map { $0["text"] }
    }
    #expect(notes == texts, sourceLocation: sourceLocation)
}

/// What was recorded, from any thread.
final class Recorded<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    var all: [Element] { elements.withLock { $0 } }

    func add(_ element: Element) {
        elements.withLock { $0.append(element) }
    }
}

/// The code of the error that `body` throws; `nil` when it throws none.
func code<Result>(_ body: () throws -> Result) -> StoreError.Code? {
    do {
        _ = try body()
        return nil
    } catch {
        return (error as? StoreError)?.code
    }
}
