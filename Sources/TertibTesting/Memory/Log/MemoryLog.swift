import Synchronization
public import TertibRuntime
public import TertibCore

/// An ``EventLog`` in memory that delivers as JetStream does.
///
/// - Sequences, expected last sequences, and duplicates by `Nats-Msg-Id` within a window.
/// - Durable consumers that replicas share: live messages are dealt one by one and in turn to those who have asked, a
///   backlog comes in runs; what is unanswered comes again after the acknowledgement wait, before anything new; what
///   waits for its delay counts against the limit of unanswered deliveries.
///
/// Time comes from a ``TimeSource`` alone and chance from a seed; nothing depends on hashing, and no task is started.
/// A test can break things: ``faults``, ``disconnect()``, ``crash()``, and what an administrator can do
/// (``deleteMessage(_:)``, ``trim(before:)``, ``recreateStream()`` and so on).
public final class MemoryLog: EventLog {
    private enum Life {
        case open, closed
    }

    let broker: MemoryBroker
    let connection: Int
    private let management: ManagementMode
    private let life = Mutex(Life.open)
    private let hook = Mutex<(@Sendable (DeliveryAnswer, [Delivery]) -> Void)?>(nil)

    /// Creates a broker with one stream on `<namespace>.>`, and a connection to it.
    /// - Parameter seed: Decides what ``faults`` leave to chance.
    public convenience init(
        namespace: Namespace, stream: StreamName, settings: MemoryStreamSettings = MemoryStreamSettings(),
        management: ManagementMode = .create, seed: UInt64 = 0, time: any TimeSource = SystemTime()
    ) {
        self.init(
            namespace: namespace, stream: stream, settings: settings, management: management,
            chance: MemoryChance(seed: seed), time: time)
    }

    convenience init(
        namespace: Namespace, stream: StreamName, settings: MemoryStreamSettings = MemoryStreamSettings(),
        management: ManagementMode = .create, chance: MemoryChance, time: any TimeSource
    ) {
        let value = MemoryStream(
            name: stream, namespace: namespace, settings: settings, chance: chance, createdAt: time.wall)
        self.init(broker: MemoryBroker(value, time: time), management: management)
    }

    /// Creates a broker with the stream `SHOP` on `shop.>`.
    public convenience init(
        settings: MemoryStreamSettings = MemoryStreamSettings(), seed: UInt64 = 0, time: any TimeSource = SystemTime()
    ) throws(IdentityError) {
        self.init(
            namespace: try Namespace("shop"), stream: try StreamName("SHOP"), settings: settings, seed: seed,
            time: time)
    }

    private init(broker: MemoryBroker, management: ManagementMode) {
        self.broker = broker
        self.management = management
        connection = broker.nextConnection()
    }

    /// Another connection to the same broker, as another replica has.
    public func replica(management: ManagementMode = .create) -> MemoryLog {
        MemoryLog(broker: broker, management: management)
    }

    /// Tells of every change of the stream, its consumers and their deliveries.
    public var changes: ChangeSignal { broker.changes }

    /// What is called with each answer before it is sent, lost ones included: the place to check that nothing is
    /// acknowledged before it has committed.
    public var onAnswer: (@Sendable (DeliveryAnswer, [Delivery]) -> Void)? {
        get { hook.withLock { $0 } }
        set { hook.withLock { $0 = newValue } }
    }

    /// What is called with each message that the stream stores, while nobody else can look at it.
    var onStored: (@Sendable (LoggedMessage) -> Void)? {
        get { broker.look { $0.onStored } }
        set { broker.administer { $0.onStored = newValue } }
    }

    // MARK: - EventLog

    /// The stream as it is now.
    public func state() async throws(EventLogError) -> StreamState {
        try ask("ask for the stream's state") { $0.state }
    }

    /// Stores a message, with the id and the expectation as headers.
    public func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        var sent = message
        sent.headers.removeAll { field in
            field.isNamed(Header.messageID) || field.isNamed(Header.expectedLastSubjectSequence)
        }
        if let id = message.values(of: Header.id).first {
            sent.headers.append(HeaderField(name: Array(Header.messageID.utf8), value: id))
        }
        if case .lastSequence(let sequence) = expectation {
            sent.headers.append(HeaderField(Header.expectedLastSubjectSequence, sequence.description))
        }
        let attempted = "publish to \(message.subject)"
        let (now, wall) = (broker.time.monotonic, broker.time.wall)
        if let failure = failure(attempted, ignoringStream: true) { return .refused(failure) }
        return broker.change { [sent] stream in
            let lost = EventLogError(.timedOut, attempted: attempted, reason: "no answer came")
            if stream.faults.lostPublishes > 0 {
                stream.faults.lostPublishes -= 1
                return .unknown(lost)
            }
            let outcome = stream.store(sent, at: now, wall: wall)
            guard stream.faults.lostPublishAnswers > 0 else { return outcome }
            stream.faults.lostPublishAnswers -= 1
            return .unknown(lost)
        }
    }

    /// The message at a sequence.
    public func message(
        at sequence: StreamSequence, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try ask("read message \(sequence)") { stream in
            sequence.number <= Self.end(of: stream, source) ? stream.messages[sequence.number] : nil
        }
    }

    /// The first message on a subject from a sequence on.
    public func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try ask("read \(subject)") { stream in
            stream.messages.firstMatch(
                SubjectFilter(subject), from: sequence.number, through: Self.end(of: stream, source))
        }
    }

    /// The last message on a literal subject.
    public func lastMessage(
        on subject: String, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try ask("read \(subject)") { stream in
            let end = Self.end(of: stream, source)
            return stream.messages.sequences(on: subject).last { $0 <= end }.flatMap { stream.messages[$0] }
        }
    }

    /// Creates or binds a durable consumer.
    public func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        let attempted = "subscribe to \(subscription.durableName)"
        if let failure = failure(attempted) { throw failure }
        let signal = ChangeSignal()
        let (management, connection) = (management, connection)
        let receiver = broker.change { stream in
            Result<Int, EventLogError> { () throws(EventLogError) in
                try stream.subscribe(
                    subscription, management: management, connection: connection, signal: signal)
            }
        }
        return MemoryDeliverySource(log: self, receiver: try receiver.get(), signal: signal)
    }

    /// The state of a durable consumer.
    public func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? {
        try ask("ask for the consumer \(name)") { $0.consumerState(name) }
    }

    /// Ends every subscription of this connection and refuses further calls.
    public func close() async {
        life.withLock { $0 = .closed }
        end(reason: "the connection is closed")
    }

    // MARK: - Faults

    /// What goes wrong between the broker and all its clients.
    public var faults: MemoryLogFaults {
        get { broker.look { $0.faults } }
        set { broker.administer { $0.faults = newValue } }
    }

    /// Takes the broker away from every client, or brings it back.
    public func setAvailable(_ isAvailable: Bool) { broker.administer { $0.isAvailable = isAvailable } }

    /// Cuts this connection alone.
    public func disconnect() { broker.administer { [connection] in $0.cutOff.insert(connection) } }

    /// Mends this connection.
    public func reconnect() { broker.administer { [connection] in $0.cutOff.remove(connection) } }

    /// Ends this connection without a word: what it was delivered comes again after the acknowledgement wait.
    public func crash() {
        life.withLock { $0 = .closed }
        end(reason: "the replica has crashed")
    }

    /// Waits until a durable consumer has delivered everything, and everything is answered for good.
    /// - Throws: ``EventuallyError`` when that does not happen within `limit`, in real time.
    public func waitUntilSettled(consumer: String, within limit: Duration = .seconds(30)) async throws {
        try await eventually("everything to be acknowledged by \(consumer)", within: limit, watching: [changes]) {
            guard let state = broker.look({ $0.consumerState(consumer) }) else { return false }
            return state.pending == 0 && state.acknowledgementPending == 0
        }
    }

    // MARK: - Asking

    func tellAnswer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) {
        hook.withLock { $0 }?(answer, deliveries)
    }

    private func ask<Answer: Sendable>(
        _ attempted: String, _ body: (inout MemoryStream) -> Answer
    ) throws(EventLogError) -> Answer {
        if let failure = failure(attempted) { throw failure }
        let wall = broker.time.wall
        return broker.look { stream in
            stream.expire(at: wall)
            return body(&stream)
        }
    }

    /// Why the broker does not answer this connection.
    private func failure(_ attempted: String, ignoringStream: Bool = false) -> EventLogError? {
        if life.withLock({ $0 }) == .closed {
            return EventLogError(.closed, attempted: attempted, reason: "the connection is closed")
        }
        let (isReachable, exists) = broker.look { ($0.isReachable(from: connection), $0.exists) }
        if !isReachable { return EventLogError(.unavailable, attempted: attempted, reason: "the broker is away") }
        if !exists, !ignoringStream {
            return EventLogError(
                .streamGone, attempted: attempted, reason: "the stream does not exist",
                advice: "Restore it, or start with a fresh database.")
        }
        return nil
    }

    private static func end(of stream: MemoryStream, _ source: ReadSource) -> UInt64 {
        let lag = source == .leader ? 0 : UInt64(max(0, stream.faults.replicaLag))
        return stream.messages.last > lag ? stream.messages.last - lag : 0
    }

    private func end(reason: String) {
        let error = EventLogError(.closed, attempted: "receive", reason: reason)
        broker.change { [connection] stream in
            for id in stream.rotation where stream.receivers[id]?.connection == connection {
                stream.endReceiver(id, with: error)
            }
        }
    }
}
