/// The service's own database.
public enum StoreConfiguration: Hashable, Sendable {
    /// A SQLite file; its folder exists.
    case sqlite(path: String)
}
