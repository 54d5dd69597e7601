/// What goes wrong in a cell of the experiment.
public enum FaultProfile: String, Hashable, Sendable, Codable, CaseIterable {
    /// Nothing.
    case none
    /// Each event is published up to 16 places from where it belongs.
    case shuffle16 = "shuffle-16"
    /// Each event is published up to 256 places from where it belongs.
    case shuffle256 = "shuffle-256"
    /// One in twenty events is stored a second time.
    case duplicates
    /// One in fifty acknowledgements never arrives.
    case lostAcknowledgements = "lost-acknowledgements"
    /// Replicas are killed with `kill -9` while they work.
    case kill
    /// One in fifty events is lost on its way to the broker.
    case lostPublish = "lost-publish"

    /// What people call it.
    public var name: String {
        switch self {
        case .none: "no fault"
        case .shuffle16: "shuffled by 16"
        case .shuffle256: "shuffled by 256"
        case .duplicates: "5 % duplicates"
        case .lostAcknowledgements: "2 % acknowledgements lost"
        case .kill: "kill -9"
        case .lostPublish: "2 % publishes lost"
        }
    }

    /// How many places an event strays.
    var window: Double {
        switch self {
        case .shuffle16: 16
        case .shuffle256: 256
        case .none, .duplicates, .lostAcknowledgements, .kill, .lostPublish: 0
        }
    }

    static let lostShare = 0.02
}
