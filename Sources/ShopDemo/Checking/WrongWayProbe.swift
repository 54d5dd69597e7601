import ShopService
import Tertib

/// Looks at what a wrong way has made of the same events.
struct WrongWayProbe: Sendable {
    let tertib: EventBus
    let role: Role

    /// What can be seen to move.
    private struct Picture: Equatable {
        var tables: [RowsByKey] = []
        var undelivered: UInt64 = 0
        var unacknowledged = 0
    }

    private static let pause: Duration = .milliseconds(300)

    /// Waits until everything is acknowledged, or nothing has changed for a while: what is not acknowledged then comes
    /// again and again.
    /// - Parameter limit: how long to wait at most.
    /// - Returns: how long that took.
    func settle(within limit: Duration) async throws -> Duration {
        let start = ContinuousClock.now
        var last = Picture()
        var changed = start
        while ContinuousClock.now < start + limit {
            let picture = try await look()
            if picture != last { changed = .now }
            last = picture
            let isIdle = picture.undelivered == 0 && picture.unacknowledged == 0
            let calm = ContinuousClock.now - changed
            if calm > (isIdle ? .milliseconds(500) : .seconds(4)) { break }
            try await Task.sleep(for: Self.pause)
        }
        return ContinuousClock.now - start
    }

    /// Compares its copies with what the owners have. Versions are not compared: the readers of a copy do not see them.
    /// - Parameter waited: how long after the shop's rest.
    func outcome(products: RowsByKey, offers: RowsByKey, after waited: Duration) async throws -> DemoReport.Outcome {
        let picture = try await look()
        let comparisons = [
            TableComparison(owner: products.mapValues { Array($0.dropLast()) }, copy: picture.tables[0]),
            TableComparison(owner: offers.mapValues { Array($0.dropLast()) }, copy: picture.tables[1]),
        ]
        return DemoReport.Outcome(
            mode: role.rawValue, rows: comparisons.map(\.rows).reduce(0, +),
            inconsistentRows: comparisons.map(\.different.count).reduce(0, +),
            stuckEvents: picture.unacknowledged + Int(picture.undelivered),
            secondsAfterRest: Seconds.rounded(waited))
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
