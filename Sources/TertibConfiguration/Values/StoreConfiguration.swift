/// The service's own database.
public enum StoreConfiguration: Hashable, Sendable {
    /// A SQLite file; its folder exists.
    case sqlite(path: String)
    /// A database on a PostgreSQL server; without a password libpq looks where it always does.
    case postgres(url: PostgresURL, password: PasswordSource?)
}
