/// What one setting is, and where that came from.
public struct EffectiveSetting: Hashable, Sendable {
    /// The JSON path, such as `$.consumers.orders.batch`.
    public let path: String
    /// The value as JSON text; secrets are `"<redacted>"`, paths are complete.
    public let value: String
    /// Where it came from.
    public let origin: SettingOrigin
}

/// Where the value of a setting came from.
public enum SettingOrigin: Hashable, Sendable {
    /// It is the documented default.
    case `default`
    /// It stands in the file, at a line and a column from 1.
    case file(line: Int, column: Int)
}
