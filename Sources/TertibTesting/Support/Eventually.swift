/// Something that was waited for did not come.
public struct EventuallyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was missing.
    public let missing: String
    /// How long it was waited for.
    public let limit: Duration

    /// Creates an error.
    public init(missing: String, limit: Duration) {
        self.missing = missing
        self.limit = limit
    }

    /// What was missing, and how long it was waited for.
    public var description: String { "waited \(limit) for \(missing), in vain" }
}

/// Waits until `condition` holds, looking again each time one of `signals` tells of a change: no polling, no sleep.
///
/// - Parameters:
///   - what: What is waited for, for the error.
///   - limit: How long, in real time.
///   - signals: Who tells of changes: ``MemoryLog/changes``, ``MemoryStore/changes``, ``ManualTime/changes``.
/// - Throws: ``EventuallyError`` when the limit has passed; `CancellationError`; whatever `condition` throws.
public func eventually(
    _ what: String, within limit: Duration = .seconds(30), watching signals: [ChangeSignal],
    _ condition: @Sendable () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        let seen = signals.map(\.count)
        if try await condition() { return }
        try Task.checkCancellation()
        if ContinuousClock.now >= deadline { throw EventuallyError(missing: what, limit: limit) }
        await withTaskGroup(of: Void.self) { group in
            for (signal, count) in zip(signals, seen) { group.addTask { await signal.change(after: count) } }
            // Ends early only when it is cancelled, which is what ends the wait below.
            group.addTask { try? await Task.sleep(until: deadline, clock: .continuous) }
            await group.next()
            group.cancelAll()
        }
    }
}
