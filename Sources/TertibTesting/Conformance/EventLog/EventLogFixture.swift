public import TertibRuntime
public import TertibCore

/// What a check of ``EventLogConformance`` runs on: one fresh stream on `<namespace>.>`, opened as often as the check
/// likes.
public struct EventLogFixture: Sendable {
    /// The namespace of the stream's subjects.
    public let namespace: Namespace
    private let open: @Sendable () async throws -> any EventLog
    private let administration: EventLogAdministration?

    /// Creates a fixture.
    /// - Parameters:
    ///   - administration: What only an administrator can do; needed by
    ///     ``EventLogConformance/administrationChecks`` alone.
    ///   - open: Opens a connection to the fixture's stream, which it creates where there is none, as one more replica
    ///     would. What is open afterwards is the caller's to close.
    public init(
        namespace: Namespace, administration: EventLogAdministration? = nil,
        open: @escaping @Sendable () async throws -> any EventLog
    ) {
        self.namespace = namespace
        self.administration = administration
        self.open = open
    }

    func log() async throws -> any EventLog { try await open() }

    func administrator() throws -> EventLogAdministration {
        try Expect.some(administration, "a fixture with an administration")
    }
}

/// What an administrator or an accident does to the broker, for the checks that need it.
public struct EventLogAdministration: Sendable {
    /// Deletes a durable consumer.
    public var deleteConsumer: @Sendable (_ name: String) async throws -> Void
    /// Deletes the stream.
    public var deleteStream: @Sendable () async throws -> Void
    /// Deletes one message.
    public var deleteMessage: @Sendable (_ sequence: StreamSequence) async throws -> Void
    /// Deletes everything before a sequence.
    public var trim: @Sendable (_ sequence: StreamSequence) async throws -> Void
    /// Stores a message exactly as it is, as a foreign publisher does.
    public var store: @Sendable (_ message: WireMessage) async throws -> Void
    /// Takes the broker away from every client.
    public var takeAway: @Sendable () async throws -> Void
    /// Brings it back with everything it had.
    public var bringBack: @Sendable () async throws -> Void

    /// Creates an administration.
    public init(
        deleteConsumer: @escaping @Sendable (_ name: String) async throws -> Void,
        deleteStream: @escaping @Sendable () async throws -> Void,
        deleteMessage: @escaping @Sendable (_ sequence: StreamSequence) async throws -> Void,
        trim: @escaping @Sendable (_ sequence: StreamSequence) async throws -> Void,
        store: @escaping @Sendable (_ message: WireMessage) async throws -> Void,
        takeAway: @escaping @Sendable () async throws -> Void,
        bringBack: @escaping @Sendable () async throws -> Void
    ) {
        self.deleteConsumer = deleteConsumer
        self.deleteStream = deleteStream
        self.deleteMessage = deleteMessage
        self.trim = trim
        self.store = store
        self.takeAway = takeAway
        self.bringBack = bringBack
    }
}
