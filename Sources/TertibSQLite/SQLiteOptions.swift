/// How a ``SQLiteStore`` uses its file.
public struct SQLiteOptions: Hashable, Sendable {
    /// How long opening, a transaction or a read waits for another process, before it fails as a conflict.
    public var busyTimeout: Duration
    /// How many snapshots can be read at the same time.
    public var readers: Int

    /// Creates options; there is at least one reader.
    public init(busyTimeout: Duration = .seconds(5), readers: Int = 2) {
        self.busyTimeout = busyTimeout
        self.readers = max(1, readers)
    }
}
