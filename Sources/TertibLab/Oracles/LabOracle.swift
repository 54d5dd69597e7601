/// What has to be true, whatever went wrong, and is judged from outside the processes.
public enum LabOracle: String, Hashable, Sendable, CaseIterable, Codable {
    /// Each row is the fold of its aggregate's events in version order, and its history has no hole.
    case fold = "I1"
    /// Each version took effect once, by the event that the stream has first, and not without an attempt.
    case ledger = "I2"
    /// Watermarks never fall, and agree with what is parked.
    case watermarks = "I3"
    /// Every delivery is accounted for.
    case accounts = "I4"
    /// What was acknowledged was committed before.
    case acknowledgements = "I5"
    /// After the faults everything comes to rest, within a time.
    case rest = "I6"
    /// A poisoned event is blamed itself, and stops nobody but its own aggregate.
    case isolation = "I7"
    /// Parked rows and memory stay within their limits.
    case bounds = "I8"
    /// Published if, and only if, committed; in version order; one event a version.
    case publishing = "I9"
    /// Two events of one version do not pass in silence: the first of the stream counts, or the aggregate is quarantined.
    case forks = "I10"
    /// No log shows a secret, a payload, or control characters of somebody else's.
    case secrecy = "I11"
    /// The audit comes to the same verdict.
    case audit = "I12"
    /// No replica ends on its own account, and one that is asked to end does so in order.
    case ends = "E1"

    /// What it is called in words.
    public var name: String {
        switch self {
        case .fold: "rows are the fold of their events"
        case .ledger: "each version took effect once"
        case .watermarks: "watermarks only rise"
        case .accounts: "every delivery is accounted for"
        case .acknowledgements: "no acknowledgement before its commit"
        case .rest: "everything comes to rest"
        case .isolation: "a poisoned event stops its own aggregate only"
        case .bounds: "limits hold"
        case .publishing: "published if and only if committed"
        case .forks: "no fork is silent"
        case .secrecy: "logs are fit to be read"
        case .audit: "the audit agrees"
        case .ends: "replicas end in order"
        }
    }
}

/// Something that is not as an oracle demands.
public struct LabViolation: Hashable, Sendable, Codable {
    /// Which one.
    public var oracle: LabOracle
    /// What was found, in words.
    public var what: String

    /// Creates a violation.
    public init(_ oracle: LabOracle, _ what: String) {
        self.oracle = oracle
        self.what = what
    }
}
