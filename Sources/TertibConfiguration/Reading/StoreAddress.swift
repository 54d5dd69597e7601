/// Why a text names no store.
package struct StoreAddressError: Error, Hashable, Sendable {
    /// What is wrong with it, as the rest of a sentence that begins with the text; it never repeats the text.
    package let problem: String
    /// What to write instead.
    package let advice: String
}

extension StoreConfiguration {
    private static let forms = "Write sqlite:PATH or postgresql://USER@HOST:PORT/DATABASE."

    /// Reads a store as a command line names it: `sqlite:PATH`, or `postgresql://USER@HOST:PORT/DATABASE`.
    package init(address: String) throws(StoreAddressError) {
        if address.hasPrefix("sqlite:") {
            self = .sqlite(path: try Self.file(String(address.dropFirst("sqlite:".count))))
            return
        }
        guard address.hasPrefix("postgresql://") || address.hasPrefix("postgres://") else {
            throw StoreAddressError(problem: "names no database that Tertib knows", advice: Self.forms)
        }
        do {
            self = .postgres(url: try PostgresURL(address), password: nil)
        } catch {
            let isPassword = error.problem.contains("password")
            throw StoreAddressError(
                problem: error.problem,
                advice: isPassword ? "Write the password into ~/.pgpass, where libpq finds it." : Self.forms)
        }
    }

    private static func file(_ path: String) throws(StoreAddressError) -> String {
        guard !path.isEmpty, path != ":memory:" else {
            throw StoreAddressError(
                problem: path.isEmpty ? "names no file" : "is in memory, which several connections cannot share",
                advice: "Name a file: sqlite:shop.sqlite.")
        }
        guard !FileAccess.isDirectory(path) else {
            throw StoreAddressError(problem: "is a folder, not a file", advice: "Name a file in it.")
        }
        guard FileAccess.isDirectory(FileAccess.directory(of: path)) else {
            throw StoreAddressError(
                problem: "lies in a folder that does not exist", advice: "Correct the path, or create the folder.")
        }
        return path
    }
}
