public import TertibRuntime
public import TertibCore

/// The JetStream stream that all services share.
public struct StreamConfiguration: Hashable, Sendable {
    /// The stream's name.
    public let name: StreamName
    /// The first token of every subject in it.
    public let namespace: Namespace
    /// How many copies the cluster keeps, from 1 to 5.
    public let replicas: Int
    /// Whether the service creates it.
    public let manage: ManagementMode
}
