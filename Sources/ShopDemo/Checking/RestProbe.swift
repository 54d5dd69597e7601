import ShopService
import Tertib

/// Says what still moves in the shop: load to be played, orders on their way, events to be published, delivered or
/// healed.
struct RestProbe: Sendable {
    let handles: [Role: EventBus]
    let workload: Workload

    /// What still moves, in words; empty at rest.
    func unrest() async throws -> [String] {
        var found: [String] = []
        for role in Role.services {
            guard let tertib = handles[role] else { continue }
            found += try await unrest(of: tertib, role)
        }
        return found
    }

    /// How many events the services have published, each counted once.
    func published() async throws -> Int {
        var sum = 0
        for role in Role.services {
            guard let tertib = handles[role] else { continue }
            sum += try await tertib.store.read { reader in
                try reader.number("SELECT COALESCE(SUM(published_version), 0) AS number FROM tertib_head")
            }
        }
        return sum
    }

    private func unrest(of tertib: EventBus, _ role: Role) async throws -> [String] {
        let steps = steps(of: role)
        let names = role.consumers.compactMap { try? ConsumerName($0.name) }
        var found = try await tertib.store.read { reader in
            var found: [String] = []
            if steps > 0 {
                let done = try reader.number("SELECT COALESCE(SUM(done), 0) AS number FROM load_progress")
                if done < steps { found.append("\(role) has played \(done) of \(steps) steps of the load") }
            }
            if role == .orders {
                let open = try reader.number(
                    "SELECT COUNT(*) AS number FROM orders WHERE order_status IN ('placed', 'confirmed', 'paid')")
                if open > 0 { found.append("\(open) orders are on their way") }
            }
            let outbox = try reader.outboxSummary().rows
            if outbox > 0 { found.append("\(role) has \(outbox) events to publish") }
            for name in names {
                let summary = try reader.summary(name, stuckBefore: try reader.now())
                if summary.parked > 0 { found.append("\(role)'s consumer \(name) has \(summary.parked) parked events") }
                if summary.deadLetters > 0 {
                    found.append("\(role)'s consumer \(name) has \(summary.deadLetters) dead letters")
                }
            }
            return found
        }
        for name in role.durableNames {
            guard let state = try await tertib.log.consumerState(name) else {
                found.append("the broker does not know the consumer \(name)")
                continue
            }
            let open = Int(state.pending) + state.acknowledgementPending
            if open > 0 { found.append("\(open) events of \(name) are to be delivered or acknowledged") }
        }
        return found
    }

    private func steps(of role: Role) -> Int {
        switch role {
        case .catalog: workload.productCount + workload.priceChangeCount
        case .orders: workload.orderCount
        case .payments, .lastWriteWins, .versionCheck: 0
        }
    }
}
