import TertibRuntime

/// What goes wrong with a database on a server.
extension FaultInjector {
    /// Plays a fault of the database; one that finds the server away is not played, and not counted.
    func disturbDatabase(_ fault: ChaosPlan.Fault) async throws {
        guard let postgres else { return }
        do {
            try await disturb(postgres, fault)
        } catch is StoreError {
            return
        }
    }

    private func disturb(_ postgres: ChaosPostgres, _ fault: ChaosPlan.Fault) async throws {
        switch fault.kind {
        case .restartDatabase:
            guard let server = postgres.server, server.crash(restartingAfter: fault.length) else { return }
            note("database restart", nil, fault.length, \.databaseRestarts)
            try await server.waitUntilReady()
        case .killBackends(let share):
            let killed = try await postgres.killBackends(share: share)
            if killed > 0 { note("backends killed", nil, .zero, \.backendKills, times: killed) }
        case .limitConnections(let count):
            guard postgres.hasLimits else { return }
            try await postgres.limitConnections(to: count)
            note("few connections", nil, fault.length, \.connectionLimits)
            // Those that are there stay; only who has to connect again meets the limit.
            _ = try await postgres.killBackends(share: 1)
            try await Task.sleep(for: fault.length)
            try await postgres.unlimitConnections()
        case .cutCommits(let number, let count, let isForwarded):
            guard let (seat, process) = fleet.replica(number) else { return }
            // What is acknowledged right after it may not be what was to be committed by it.
            let cut: @Sendable () -> Void = { [self] in
                killAtAcknowledgement(seat, process, after: 1, restartingAfter: .milliseconds(100))
            }
            try await disturbLink(of: seat, postgres, fault.length, "cut at commit", nil) { rules in
                rules.cutCommits = count
                rules.forwardsCutCommits = isForwarded
                rules.cut = cut
            }
        case .slowDatabase(let number, let delay):
            guard let (seat, _) = fleet.replica(number) else { return }
            try await disturbLink(of: seat, postgres, fault.length, "slow database", \.slowDatabaseLinks) { rules in
                rules.line = .slow(delay)
            }
        default: return
        }
    }

    private func disturbLink(
        of seat: Int, _ postgres: ChaosPostgres, _ length: Duration, _ kind: String,
        _ count: WritableKeyPath<ChaosReport.Faults, Int>?, _ change: (inout LinkRules) -> Void
    ) async throws {
        guard let proxy = postgres.proxy else { return }
        note(kind, seat, length, count)
        proxy.change(proxy.links[seat], change)
        try await Task.sleep(for: length)
        proxy.change(proxy.links[seat]) { rules in
            rules.line = .open
            rules.cutCommits = 0
            rules.cut = nil
        }
    }
}
