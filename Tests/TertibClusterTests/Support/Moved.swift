import TertibRuntime
import TertibCore

/// What the tests publish: an amount that moves.
struct Moved: DomainEvent {
    static let eventType = "account.moved"
    var amount: Int64
}

/// The aggregate types of the tests, and who publishes them how.
enum Kind: String, CaseIterable, Sendable {
    /// Through the outbox.
    case staged
    /// Straight into the stream.
    case appended

    var type: AggregateType { get throws { try AggregateType(rawValue) } }

    func aggregate(_ number: Int) throws -> Aggregate {
        Aggregate(type: try type, id: try AggregateID("\(number)"))
    }
}

/// An event that its publisher was told to be safe.
struct Published: Hashable, Sendable {
    let aggregate: Aggregate
    let version: AggregateVersion
    let amount: Int64
    /// Where the stream said that it is; `nil` for what an outbox promised.
    var receipt: PublishReceipt?
}
