import Dispatch
import Synchronization
import TertibRuntime

/// A bounded number of sessions, opened when they are needed and lent to one user at a time, first come, first served.
final class ConnectionPool: Sendable {
    /// A session that was lent.
    struct Loan {
        let session: Session
        /// Opened for this loan; one that is not may have lost its server since.
        let isFresh: Bool
    }

    /// The answer to a request for a session.
    private enum Turn {
        case session(Session)
        /// The right to open one.
        case place
        case refused(StoreError)
    }

    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Turn, Never>
    }

    private struct State {
        /// The last one given back is the first one lent: the others may be left to go stale together.
        var idle: [Session] = []
        /// Idle, lent, and being opened.
        var open = 0
        var waiters: [Waiter] = []
        var nextNumber = 0
        var isClosed = false
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    private let options: PostgresOptions
    private let state = Mutex(State())

    init(_ options: PostgresOptions) {
        self.options = options
    }

    /// Lends a session.
    /// - Throws: ``StoreError`` with ``StoreError/Code/unavailable``: the server is away, all sessions are lent for too
    ///   long, or the pool is closed.
    func borrow(_ attempted: String) async throws(StoreError) -> Loan {
        switch await turn(attempted) {
        case .session(let session): return Loan(session: session, isFresh: false)
        case .refused(let error): throw error
        case .place:
            do {
                return Loan(session: try await Session.open(options), isFresh: true)
            } catch {
                leave()
                throw error
            }
        }
    }

    /// Takes a session back; one that cannot be used again is closed.
    func giveBack(_ session: Session, isReusable: Bool) async {
        guard isReusable, keepOrPass(session) else {
            await session.close()
            leave()
            return
        }
    }

    /// Closes every session, after those that are lent have come back. Users that wait for one are refused.
    func close() async {
        let (idle, waiters) = state.withLock { state in
            state.isClosed = true
            defer { (state.idle, state.waiters) = ([], []) }
            return (state.idle, state.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(returning: .refused(Self.closed("use the database"))) }
        for session in idle {
            await session.close()
            leave()
        }
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if state.open > 0 { state.closers.append(continuation) }
                return state.open == 0
            }
            if isEmpty { continuation.resume() }
        }
    }

    private func turn(_ attempted: String) async -> Turn {
        await withCheckedContinuation { continuation in
            let (turn, number): (Turn?, Int) = state.withLock { state in
                if state.isClosed { return (.refused(Self.closed(attempted)), 0) }
                if let session = state.idle.popLast() { return (.session(session), 0) }
                if state.open < options.connections {
                    state.open += 1
                    return (.place, 0)
                }
                state.nextNumber += 1
                state.waiters.append(Waiter(number: state.nextNumber, continuation: continuation))
                return (nil, state.nextNumber)
            }
            if let turn { continuation.resume(returning: turn) } else { limitWait(of: number, attempted) }
        }
    }

    /// Refuses a waiter when its time has passed and no session was given back.
    private func limitWait(of number: Int, _ attempted: String) {
        let limit = DispatchTimeInterval.milliseconds(Int(options.acquireTimeout.wholeMilliseconds))
        // A timer and no task: it finds no waiter when a session was given back before, and nothing has to be cancelled.
        DispatchQueue.global().asyncAfter(deadline: .now() + limit) { [self] in
            let late = state.withLock { state in
                state.waiters.firstIndex { $0.number == number }.map { state.waiters.remove(at: $0) }
            }
            late?.continuation.resume(
                returning: .refused(
                    StoreError(
                        .unavailable, attempted: attempted,
                        reason: "all \(options.connections) connections are in use for too long")))
        }
    }

    /// - Returns: `false` when the pool is closed, and the session has to be.
    private func keepOrPass(_ session: Session) -> Bool {
        let (isKept, waiter): (Bool, Waiter?) = state.withLock { state in
            if state.isClosed { return (false, nil) }
            if !state.waiters.isEmpty { return (true, state.waiters.removeFirst()) }
            state.idle.append(session)
            return (true, nil)
        }
        waiter?.continuation.resume(returning: .session(session))
        return isKept
    }

    /// Gives up a place; the next waiter gets it.
    private func leave() {
        let (waiter, closers): (Waiter?, [CheckedContinuation<Void, Never>]) = state.withLock { state in
            if !state.waiters.isEmpty { return (state.waiters.removeFirst(), []) }
            state.open -= 1
            guard state.open == 0 else { return (nil, []) }
            defer { state.closers = [] }
            return (nil, state.closers)
        }
        waiter?.continuation.resume(returning: .place)
        for closer in closers { closer.resume() }
    }

    private static func closed(_ attempted: String) -> StoreError {
        StoreError(.unavailable, attempted: attempted, reason: "the store is closed")
    }
}
