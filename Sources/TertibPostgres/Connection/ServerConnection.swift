import CPostgres
import Glibc
import TertibRuntime

/// One connection of libpq's, from connecting to closing.
///
/// Used by one thread at a time, which it blocks. libpq is driven in its non-blocking mode, so that every wait has a
/// deadline: a server that has gone without a word holds a thread only until then, and the connection is given up.
final class ServerConnection {
    /// For this class's own files only.
    let handle: OpaquePointer
    /// Given up by this side: a deadline has passed, or the server is in a state that nothing here asked for.
    private var isAbandoned = false

    /// Connects, and waits for that at most as long as the settings say.
    init(_ settings: ConnectionSettings) throws(ServerFailure) {
        let names = settings.parameters.map { strdup($0.name) }
        let values = settings.parameters.map { strdup($0.value) }
        defer { (names + values).forEach { free($0) } }
        let keywords = names.map { UnsafePointer($0) } + [nil]
        let arguments = values.map { UnsafePointer($0) } + [nil]
        guard let handle = PQconnectdbParams(keywords, arguments, 0) else {
            throw ServerFailure(connection: "there is no memory for a connection")
        }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK else { throw lost() }
        guard PQsetnonblocking(handle, 1) == 0 else { throw lost() }
        // Notices of triggers would be written to standard error.
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
    }

    deinit { PQfinish(handle) }

    /// Whether a statement can be sent.
    var isAlive: Bool { !isAbandoned && PQstatus(handle) == CONNECTION_OK }

    /// Whether a transaction is open and takes statements.
    var isInTransaction: Bool { isAlive && PQtransactionStatus(handle) == PQTRANS_INTRANS }

    /// Whether a transaction is open that takes no statement but the one that ends it.
    var isInFailedTransaction: Bool { isAlive && PQtransactionStatus(handle) == PQTRANS_INERROR }

    /// Whether nothing is open.
    var isIdle: Bool { isAlive && PQtransactionStatus(handle) == PQTRANS_IDLE }

    /// 150018 for 15.18.
    var serverVersion: Int { Int(PQserverVersion(handle)) }

    /// Runs one or more statements without parameters, in one round trip.
    @discardableResult
    func run(_ sql: String, within limit: Duration) throws(ServerFailure) -> [QueryResult] {
        try send(sql, within: limit)
        return try receive(within: limit)
    }

    /// Sends statements; ``receive(within:)`` must follow.
    func send(_ sql: String, within limit: Duration) throws(ServerFailure) {
        try started(PQsendQuery(handle, sql), limit)
    }

    /// Has the server prepare a statement under a name. A type of 0 is for the server to find out.
    func prepare(
        _ name: String, _ sql: String, types: [UInt32], within limit: Duration
    ) throws(ServerFailure) {
        try started(PQsendPrepare(handle, name, sql, Int32(types.count), types), limit)
        try receive(within: limit)
    }

    /// Runs a prepared statement.
    func execute(
        _ call: PreparedCall, within limit: Duration
    ) throws(ServerFailure) -> QueryResult {
        try started(queue(call), limit)
        guard let result = try receive(within: limit).last else { throw lost() }
        return result
    }

    /// Waits for the results of what was sent, all of them.
    /// - Throws: the first failure among them.
    @discardableResult
    func receive(within limit: Duration) throws(ServerFailure) -> [QueryResult] {
        let (results, failure) = answers(within: limit)
        if let failure { throw failure }
        return results
    }

    /// Waits for the results of what was sent.
    /// - Returns: the first of them. What fails behind it changes nothing about it.
    func receiveFirst(within limit: Duration) throws(ServerFailure) -> QueryResult? {
        let (results, failure) = answers(within: limit)
        if results.isEmpty, let failure { throw failure }
        return results.first
    }

    private func answers(within limit: Duration) -> (results: [QueryResult], failure: ServerFailure?) {
        let deadline = ContinuousClock.now + limit
        var results: [QueryResult] = []
        var failure: ServerFailure?
        do throws(ServerFailure) {
            while let result = try next(until: deadline) {
                switch result.outcome {
                case .done: results.append(result)
                case .failed(let reported): failure = failure ?? reported
                case .skipped, .endOfPipeline, .unexpected: throw unspoken()
                }
            }
            guard isAlive else { throw lost() }
        } catch {
            // The connection has ended; what was answered before is true all the same.
            failure = failure ?? error
        }
        return (results, failure)
    }

    /// Hands a statement to libpq, which sends it later.
    func queue(_ call: PreparedCall) -> Int32 {
        ParameterBlock(call.parameters).withPointers { values, lengths, formats in
            PQsendQueryPrepared(
                handle, call.name, Int32(call.parameters.count), values, lengths, formats, call.hasBinaryResult ? 1 : 0)
        }
    }

    /// The next result of what was sent; `nil` at the end of a statement's.
    func next(until deadline: ContinuousClock.Instant) throws(ServerFailure) -> QueryResult? {
        while PQisBusy(handle) == 1 {
            try wait(for: Int16(POLLIN), until: deadline)
            // What the server said before it closed is a result, too.
            if PQconsumeInput(handle) == 0 { break }
        }
        return PQgetResult(handle).map { QueryResult($0, isConnectionLost: PQstatus(handle) != CONNECTION_OK) }
    }

    /// Sends what libpq was handed.
    func started(_ code: Int32, _ limit: Duration) throws(ServerFailure) {
        guard code == 1 else { throw lost() }
        let deadline = ContinuousClock.now + limit
        while true {
            let left = PQflush(handle)
            if left == 0 { return }
            guard left > 0 else { throw lost() }
            // A server that answers before it has read everything must find its reader here.
            try wait(for: Int16(POLLIN | POLLOUT), until: deadline)
            guard PQconsumeInput(handle) == 1 else { throw lost() }
        }
    }

    private func wait(for events: Int16, until deadline: ContinuousClock.Instant) throws(ServerFailure) {
        var descriptor = pollfd(fd: PQsocket(handle), events: events, revents: 0)
        while true {
            let left = deadline - ContinuousClock.now
            let milliseconds = Int32(clamping: max(0, left.components.seconds) * 1000 + 1000)
            guard left > .zero else {
                throw abandon("the server has not answered in time")
            }
            let ready = poll(&descriptor, 1, min(milliseconds, 5000))
            if ready > 0 { return }
            if ready < 0, errno != EINTR {
                throw abandon("waiting for the server failed: errno \(errno)")
            }
        }
    }

    /// Gives the connection up: it is no longer known which statements were sent.
    func abandon(_ reason: String) -> ServerFailure {
        isAbandoned = true
        return ServerFailure(connection: reason)
    }

    /// Gives the connection up because of a result that nothing here has asked for.
    func unspoken() -> ServerFailure {
        abandon("the statement asked for the copy protocol, which is not spoken here")
    }

    /// The connection has ended, in libpq's words.
    func lost() -> ServerFailure {
        ServerFailure(connection: PQerrorMessage(handle).map { String(cString: $0) } ?? "no message")
    }
}

// MARK: Several statements in one round trip

extension ServerConnection {
    /// Runs prepared statements one after the other in one round trip (libpq's pipeline mode), up to the first that
    /// fails. Outside of this call the connection is never in that mode.
    ///
    /// For use inside of a transaction block: without one the end of a pipeline would commit.
    /// - Parameter limit: How long each of the statements may take.
    func run(_ calls: [PreparedCall], within limit: Duration) throws(PipelineFailure) -> [QueryResult] {
        do throws(ServerFailure) {
            try send(calls, within: limit)
        } catch {
            _ = abandon(error.message)
            throw PipelineFailure(index: 0, failure: error)
        }
        return try receive(calls.count, within: limit)
    }

    private func send(_ calls: [PreparedCall], within limit: Duration) throws(ServerFailure) {
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
        for call in calls {
            guard queue(call) == 1 else { throw lost() }
        }
        try started(PQpipelineSync(handle), limit)
    }

    /// Reads on to the end of the pipeline, whatever fails, so that the connection can be used again.
    private func receive(_ count: Int, within limit: Duration) throws(PipelineFailure) -> [QueryResult] {
        var results: [QueryResult] = []
        var failure: ServerFailure?
        do throws(ServerFailure) {
            var isOver = false
            var ends = 0
            while !isOver {
                guard let result = try next(until: ContinuousClock.now + limit) else {
                    // The end of one statement's results, or of everything.
                    ends += 1
                    guard isAlive, ends <= count else { throw lost() }
                    continue
                }
                switch result.outcome {
                case .done: results.append(result)
                case .failed(let reported): failure = failure ?? reported
                case .skipped: continue
                case .endOfPipeline: isOver = true
                case .unexpected: throw unspoken()
                }
            }
            guard PQexitPipelineMode(handle) == 1, failure != nil || results.count == count else {
                throw abandon("the server has not answered every statement")
            }
        } catch {
            throw PipelineFailure(index: results.count, failure: failure ?? error)
        }
        if let failure { throw PipelineFailure(index: results.count, failure: failure) }
        return results
    }
}

// MARK: Notices

extension ServerConnection {
    /// Blocks until the server has sent a notice that was listened for.
    /// - Returns: what each notice says; nothing when the wait was interrupted.
    func notices(unless interruption: Interruption) throws(ServerFailure) -> [String] {
        while true {
            guard PQconsumeInput(handle) == 1, isAlive else { throw lost() }
            var notices: [String] = []
            while let notice = PQnotifies(handle) {
                defer { PQfreemem(notice) }
                notices.append(notice.pointee.extra.map { String(cString: $0) } ?? "")
            }
            if !notices.isEmpty || interruption.wait(besides: PQsocket(handle)) { return notices }
        }
    }
}
