/// A way that does not work.
public enum NaiveWay: String, Hashable, Sendable, CaseIterable {
    /// Each event overwrites the row, whatever the row's version is.
    case lastWriteWins = "last-write-wins"
    /// The tutorials' check: the row's version has to be the event's less one, else throw and wait for redelivery.
    case versionCheck = "version-check"
}
