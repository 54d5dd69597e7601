extension EventBus {
    /// Reads one row of the service's own tables, lets `body` change it, and writes it back, so that no update of
    /// somebody else's is lost; what `body` stages is published if, and only if, that commits.
    ///
    /// ```swift
    /// try await tertib.update(RowReference("stock", ["product": "42"]), under: .version) { row, transaction in
    ///     guard let left = row["amount"].integer, left > 0 else { throw SoldOut() }
    ///     row["amount"] = .integer(left - 1)
    /// }
    /// ```
    ///
    /// Every policy is right on SQLite and on PostgreSQL. On SQLite one transaction writes at a time, so none of them
    /// ever conflicts within this call: whoever comes second waits, and reads what the first has written.
    /// - Parameters:
    ///   - policy: What finds out, or prevents, that somebody else writes the row in between.
    ///   - reaction: Whether a conflict is thrown, or the closure runs again from the read.
    ///   - body: May run several times; each time with the row as it is then.
    /// - Throws: ``UpdateConflict``, ``StoreError``, or what `body` throws; then nothing is written.
    @discardableResult
    public func update<Result: Sendable>(
        _ row: RowReference, under policy: ConcurrencyPolicy = .version, onConflict reaction: ConflictReaction = .retry,
        _ body: @escaping @Sendable (inout EditableRow, HandlerTransaction) throws -> Result
    ) async throws -> Result {
        let update = RowUpdate(row: row, policy: policy, locksRows: store.locksRows)
        var attempts = 0
        while true {
            let conflict: UpdateConflict
            do {
                return try await transactOnce(isSerializable: policy == .serializable) { handle in
                    try update.run(in: handle.store) { try body(&$0, handle) }
                }
            } catch let error as UpdateConflict {
                conflict = error
            } catch let error as StoreError where error.code == .conflict {
                // A deadlock, a row that is locked, a serialization failure: somebody else was faster.
                conflict = UpdateConflict(table: row.table, policy: policy.name)
            }
            guard case .retry(let limit) = reaction, attempts < limit else { throw conflict }
            attempts += 1
            try await context.time.sleep(for: context.jitter(upTo: .milliseconds(1) * (1 << min(attempts, 7))))
        }
    }
}
