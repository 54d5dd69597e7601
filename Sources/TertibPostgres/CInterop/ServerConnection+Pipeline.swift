import CPostgres

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
