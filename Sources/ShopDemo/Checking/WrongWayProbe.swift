import ShopService
import Tertib

/// Looks at what a wrong way has made of the same events.
struct WrongWayProbe: Sendable {
    let tertib: Tertib
    let role: Role

    /// What can be seen to move.
    private struct Picture: Equatable {
        var tables: [Table] = []
        var undelivered: UInt64 = 0
        var unacknowledged = 0
    }

    private static let look: Duration = .milliseconds(300)

    /// Waits until everything is acknowledged, or nothing has changed for a while: what is not acknowledged then comes
    /// again and again.
    /// - Parameter limit: how long to wait at most.
    func settle(within limit: Duration) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        var last = Picture()
        var changed = clock.now
        while clock.now < deadline {
            let picture = try await look()
            if picture != last { changed = clock.now }
            last = picture
            let isIdle = picture.undelivered == 0 && picture.unacknowledged == 0
            let calm = clock.now - changed
            if calm > (isIdle ? .milliseconds(500) : .seconds(4)) { return }
            try await Task.sleep(for: Self.look)
        }
    }

    /// Compares its copies with what the owners have. Versions are not compared: the readers of a copy do not see them.
    func outcome(products: Table, offers: Table) async throws -> DemoReport.Outcome {
        let picture = try await look()
        let comparisons = [
            TableComparison(owner: products.mapValues { Array($0.dropLast()) }, copy: picture.tables[0]),
            TableComparison(owner: offers.mapValues { Array($0.dropLast()) }, copy: picture.tables[1]),
        ]
        return DemoReport.Outcome(
            mode: role.rawValue, rows: comparisons.map(\.rows).reduce(0, +),
            inconsistentRows: comparisons.map(\.different.count).reduce(0, +),
            stuckEvents: picture.unacknowledged + Int(picture.undelivered))
    }

    private func look() async throws -> Picture {
        var picture = Picture()
        picture.tables = try await tertib.store.read { reader in
            [
                try reader.table(["id", "name", "price", "stock"], from: "product_copy"),
                try reader.table(["id", "cost"], from: "offer_copy"),
            ]
        }
        for name in role.durableNames {
            guard let state = try await tertib.log.consumerState(name) else { continue }
            picture.undelivered += state.pending
            picture.unacknowledged += state.acknowledgementPending
        }
        return picture
    }
}
