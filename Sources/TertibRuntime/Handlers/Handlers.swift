#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif
public import TertibCore

/// The handlers of one consumer, by event type. An event type without a handler advances the watermark and has no
/// effect.
public struct Handlers: Sendable {
    /// What applies one event inside the store's transaction.
    typealias Application = @Sendable (HandlerTransaction) throws -> Void

    private var byType: [EventType: @Sendable (Envelope) -> Application] = [:]
    private var fallback: (@Sendable (Envelope) -> Application)?
    private var observer: (@Sendable (Envelope, HandlerTransaction) throws -> Void)?
    private var failureObserver: (@Sendable (Envelope, any Error) -> Void)?

    /// No handlers.
    public init() {}

    /// Handles one type of event.
    ///
    /// The handler runs synchronously inside the store's transaction: everything it writes through `transaction`
    /// commits together with the watermark, or not at all. It throws to fail: its writes are undone, and the event is
    /// tried again with backoff while its aggregate, and no other, waits. A payload that does not decode is a failure
    /// of the handler; one whose schema revision is higher than ``DomainEvent/schemaRevision`` waits.
    ///
    /// Traps when the payload's event type is not a valid name, or has a handler already: both are bugs.
    public mutating func on<Payload: DomainEvent>(
        _ type: Payload.Type, _ handler: @escaping @Sendable (Event<Payload>, HandlerTransaction) throws -> Void
    ) {
        guard let eventType = try? EventType(Payload.eventType) else {
            preconditionFailure("\(Payload.self).eventType is not a valid event type: \(Payload.eventType)")
        }
        precondition(byType[eventType] == nil, "\(eventType) has a handler already")
        byType[eventType] = { envelope in
            let decoded = Result { try Self.decode(Payload.self, from: envelope) }
            return { transaction in try handler(Event(envelope: envelope, payload: try decoded.get()), transaction) }
        }
    }

    /// Handles every event whose type has no handler of its own, without decoding its payload.
    public mutating func onAnyOther(
        _ handler: @escaping @Sendable (Envelope, HandlerTransaction) throws -> Void
    ) {
        fallback = { envelope in { transaction in try handler(envelope, transaction) } }
    }

    /// Decodes the payload, outside any transaction, and gives back what applies it. A payload that does not decode
    /// fails when it is applied.
    func prepare(_ envelope: Envelope) -> Application {
        let application = (byType[envelope.type] ?? fallback).map { $0(envelope) }
        guard let observer else { return application ?? { _ in } }
        return { [failureObserver] transaction in
            try observer(envelope, transaction)
            do {
                try application?(transaction)
            } catch {
                failureObserver?(envelope, error)
                throw error
            }
        }
    }

    /// Has every event seen by `observer`, in the event's transaction and before its handler, and what its handler throws
    /// by `failed`: how the simulator keeps its ledger beside a user's handlers, and knows which of them fail.
    package mutating func observe(
        _ observer: @escaping @Sendable (Envelope, HandlerTransaction) throws -> Void,
        failed: (@Sendable (Envelope, any Error) -> Void)? = nil
    ) {
        self.observer = observer
        failureObserver = failed
    }

    private static func decode<Payload: DomainEvent>(
        _ type: Payload.Type, from envelope: Envelope
    ) throws -> Payload {
        guard envelope.schemaRevision <= Payload.schemaRevision else {
            throw HandlerFailure(
                "schema revision \(envelope.schemaRevision) of \(envelope.type) is newer than this code, which knows "
                    + "\(Payload.schemaRevision)", countsAsAttempt: false)
        }
        do {
            return try JSONDecoder().decode(Payload.self, from: Data(envelope.body))
        } catch let error as DecodingError {
            throw HandlerFailure("the payload does not fit \(Payload.self): \(PayloadMismatch.describe(error))")
        }
    }
}

extension Handlers {
    /// The statement that keeps `tertib_replica`: aggregate type, aggregate id, version, event type, data.
    public static let replicaStatement = """
        INSERT INTO tertib_replica (aggregate_type, aggregate_id, version, event_type, data) VALUES (?, ?, ?, ?, ?) \
        ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET version = excluded.version, \
        event_type = excluded.event_type, data = excluded.data
        """

    /// Keeps the newest event's payload of every aggregate in `tertib_replica`, for services in any language.
    public static var replica: Handlers {
        var handlers = Handlers()
        handlers.onAnyOther { envelope, transaction in
            try transaction.enqueue(
                replicaStatement, envelope.aggregate.type.text, envelope.aggregate.id.text, envelope.version.number,
                envelope.type.text, String(decoding: envelope.body, as: UTF8.self))
        }
        return handlers
    }
}

/// Words for a payload that does not fit its type, without quoting the payload.
enum PayloadMismatch {
    static func describe(_ error: DecodingError) -> String {
        switch error {
        case .typeMismatch(let type, let context): "expected \(type) at \(path(context.codingPath))"
        case .valueNotFound(let type, let context): "expected \(type), found null at \(path(context.codingPath))"
        case .keyNotFound(let key, let context): "no \(key.stringValue) at \(path(context.codingPath))"
        case .dataCorrupted(let context): "unreadable at \(path(context.codingPath))"
        @unknown default: "unreadable"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        "$" + keys.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }.joined()
    }
}
