import Synchronization
import TertibCore

/// What became of a request.
enum RequestOutcome: Sendable {
    /// Somebody answered.
    case reply(Reply)
    /// The server said that nobody listens on the subject.
    case noResponders
    /// The request certainly did not reach anybody.
    case notSent(EventLogError)
    /// No answer came: perhaps it did reach somebody.
    case unanswered(EventLogError)
}

/// An answer.
struct Reply: Sendable {
    let headers: HeaderBlock
    let body: [UInt8]

    /// Whether the server says that nobody listens: a status without a body, and without the fields that stand behind
    /// every stored message, which may itself look like one (a server from 2.11 on adds `Nats-Subject` to the status).
    var meansNoResponders: Bool {
        headers.status == 503 && body.isEmpty && headers.last(StoredMessage.Name.sequence) == nil
    }
}

/// The requests that wait for an answer. Safe from any thread; each is resumed exactly once.
final class RequestTable: Sendable {
    private struct Pending {
        let subject: String
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<RequestOutcome, Never>
        var isSent = false
    }
    private struct State {
        var pending: [UInt64: Pending] = [:]
        var next: UInt64 = 1
    }
    private let state = Mutex(State())

    /// - Returns: the token that the answer's subject ends with.
    func add(
        subject: String, deadline: ContinuousClock.Instant, continuation: CheckedContinuation<RequestOutcome, Never>
    ) -> UInt64 {
        state.withLock { state in
            defer { state.next += 1 }
            state.pending[state.next] = Pending(subject: subject, deadline: deadline, continuation: continuation)
            return state.next
        }
    }

    /// Notes that the requests among `commands` are about to be sent.
    /// - Returns: the tokens of those that somebody still waits for, so that they are worth sending.
    func markSent(_ commands: ArraySlice<Command>) -> Set<UInt64> {
        state.withLock { state in
            var tokens: Set<UInt64> = []
            for case .request(let token, _) in commands {
                guard let index = state.pending.index(forKey: token) else { continue }
                state.pending.values[index].isSent = true
                tokens.insert(token)
            }
            return tokens
        }
    }

    /// Resumes one request; a late answer finds nobody, and that is fine.
    func finish(_ token: UInt64, _ outcome: RequestOutcome) {
        state.withLock { $0.pending.removeValue(forKey: token) }?.continuation.resume(returning: outcome)
    }

    /// Resumes those whose time is over.
    func expire(now: ContinuousClock.Instant) {
        let late = remove { $0.deadline <= now }
        for pending in late {
            let error = EventLogError(
                .timedOut, attempted: "send to \(pending.subject)",
                reason: pending.isSent ? "no answer came in time" : "the connection was busy for too long")
            pending.continuation.resume(returning: pending.isSent ? .unanswered(error) : .notSent(error))
        }
    }

    /// Resumes all: the connection is gone, or no answer can arrive on it.
    func failAll(_ cause: EventLogError) {
        for pending in remove(where: { _ in true }) {
            let error = EventLogError(
                cause.code, attempted: "send to \(pending.subject)", reason: cause.reason, advice: cause.advice)
            pending.continuation.resume(returning: pending.isSent ? .unanswered(error) : .notSent(error))
        }
    }

    /// Resumes those that the server does not permit.
    func refuse(_ violation: PermissionViolation) {
        let refused = remove { $0.isSent && violation.concerns(publishTo: $0.subject) }
        for pending in refused { pending.continuation.resume(returning: .notSent(violation.error)) }
    }

    private func remove(where matches: (Pending) -> Bool) -> [Pending] {
        state.withLock { state in
            let tokens = state.pending.filter { matches($0.value) }.keys.sorted()
            return tokens.compactMap { state.pending.removeValue(forKey: $0) }
        }
    }
}
