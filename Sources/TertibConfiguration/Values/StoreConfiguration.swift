/// The service's own database.
public enum StoreConfiguration: Hashable, Sendable {
    /// A SQLite file; its folder exists.
    case sqlite(path: String)
    /// A database on a PostgreSQL server.
    /// - Parameter passwordFile: A file whose one line is the password.
    case postgres(url: PostgresURL, passwordFile: String?)
}
