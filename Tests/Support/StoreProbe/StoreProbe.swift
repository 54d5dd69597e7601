import Foundation
import TertibRuntime
import TertibCore
import TertibSQLite

/// A process of its own on a database, for tests that need several, or one that dies.
///
/// - `migrate PATH`: creates the tables.
/// - `add PATH TABLE COUNT`: reads the only row of a table and writes it raised by 1, in as many transactions.
/// - `die PATH TABLE`: adds 1, and ends like by `kill -9` right before the commit.
@main
struct StoreProbe {
    static func main() async {
        do {
            try await run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(1)
        }
    }

    private static func run(_ arguments: [String]) async throws {
        guard arguments.count >= 2 else { throw Misuse() }
        let store = try await SQLiteStore(path: arguments[1], options: SQLiteOptions(busyTimeout: .seconds(60)))
        switch (arguments[0], arguments.count) {
        case ("migrate", 2):
            try await store.migrate()
        case ("add", 4):
            for _ in 0..<(Int(arguments[3]) ?? 0) { try await add(to: arguments[2], in: store) }
        case ("die", 3):
            try await add(to: arguments[2], in: store) { kill(getpid(), SIGKILL) }
        default:
            throw Misuse()
        }
        await store.close()
    }

    private static func add(
        to table: String, in store: SQLiteStore, beforeCommit: @escaping @Sendable () -> Void = {}
    ) async throws {
        try await store.transaction { transaction in
            let number = try transaction.query("SELECT number FROM \"\(table)\"", arguments: []).first?["number"]
                .integer
            _ = try transaction.execute(
                "UPDATE \"\(table)\" SET number = ?", arguments: [.integer((number ?? 0) + 1)])
            beforeCommit()
        }
    }

    private struct Misuse: Error, CustomStringConvertible {
        var description: String { "usage: StoreProbe migrate|add|die PATH [TABLE [COUNT]]" }
    }
}
