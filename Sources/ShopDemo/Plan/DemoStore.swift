/// Where the demo's services, and the wrong ways beside them, keep their data.
public enum DemoStore: String, Hashable, Sendable, Codable, CaseIterable {
    /// A file each.
    case sqlite
    /// A database each on one server of the demo's own.
    case postgres

    /// The database's name.
    public var name: String {
        switch self {
        case .sqlite: "SQLite"
        case .postgres: "PostgreSQL"
        }
    }
}
