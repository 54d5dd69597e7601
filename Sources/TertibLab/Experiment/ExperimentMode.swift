import ShopService

/// How a service keeps its copy.
public enum ExperimentMode: String, Hashable, Sendable, Codable, CaseIterable {
    /// Each event overwrites the row.
    case lastWriteWins = "last-write-wins"
    /// The row's version has to be the event's less one, else throw and wait for redelivery.
    case versionCheck = "version-check"
    /// A consumer of Tertib.
    case tertib = "tertib"

    /// What people call it.
    public var name: String {
        switch self {
        case .lastWriteWins: "last write wins"
        case .versionCheck: "tutorials' check"
        case .tertib: "Tertib"
        }
    }

    /// The wrong way, if it is one.
    var wrongWay: NaiveWay? {
        switch self {
        case .lastWriteWins: .lastWriteWins
        case .versionCheck: .versionCheck
        case .tertib: nil
        }
    }
}
