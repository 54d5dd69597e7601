import Glibc
import TertibRuntime
import TertibCore

/// The handler of the chaos: the fold, the history and a ledger row in the transaction, the attempt outside of it, and
/// now and then an event of its own.
final class LedgerHandler: Sendable {
    private let attempts: AttemptFile

    /// Why an event fails.
    struct Refusal: Error {
        let temper: Moved.Temper
    }

    /// Every so many versions of a foreign aggregate are answered with an `echo` event.
    static let echoInterval: Int64 = 7
    /// The type of the answers.
    static let echoType = "echo"

    init(attempts: AttemptFile) {
        self.attempts = attempts
    }

    /// Registers it.
    func register(_ handlers: inout Handlers) {
        handlers.on(Moved.self) { [self] event, transaction in try apply(event, transaction) }
    }

    private func apply(_ event: Event<Moved>, _ transaction: HandlerTransaction) throws {
        let envelope = event.envelope
        try attempts.write(.attempt, envelope)
        try transaction.enqueue(
            """
            INSERT INTO lab_row (aggregate_type, aggregate_id, version, value, history) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET version = excluded.version,
                value = (lab_row.value * 31 + ?) % \(Fold.modulus), history = lab_row.history || ',' || excluded.history
            """, envelope.aggregate.type.text, envelope.aggregate.id.text, envelope.version.number,
            Fold.next(Fold.start, event.payload.amount), String(envelope.version.number), event.payload.amount)
        do {
            try transaction.execute(
                "INSERT INTO lab_ledger (aggregate_type, aggregate_id, version, event_id) VALUES (?, ?, ?, ?)",
                envelope.aggregate.type.text, envelope.aggregate.id.text, envelope.version.number, envelope.id.text)
        } catch let error as StoreError where error.code == .statement {
            try attempts.write(.repetition, envelope)
            throw error
        }
        if envelope.aggregate.type.text == ForeignLoad.type, envelope.version.number % Self.echoInterval == 0 {
            try transaction.stage(
                Moved(amount: event.payload.amount), for: Aggregate(lab: Self.echoType, envelope.aggregate.id.text))
        }
        // Last, so that there are effects to be undone.
        try fail(event)
    }

    private func fail(_ event: Event<Moved>) throws {
        switch event.payload.temper {
        case nil: return
        case .poison: throw Refusal(temper: .poison)
        case .flaky: if try attempts.isFirst(event.envelope) { throw Refusal(temper: .flaky) }
        case .trap: if try attempts.isFirst(event.envelope) { abort() }
        }
    }
}
