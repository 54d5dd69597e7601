import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var sweepingChecks: [Check] {
        [
            check("drains left over are the aggregates whose next version is parked, unless they failed") { store in
                let consumer = try Sample.consumer()
                try await situation("next", version: 4, parked: [5, 6], status: .gap, in: store)
                try await situation("next-ok", version: 4, parked: [5], status: .ok, in: store)
                try await situation("first", version: 0, parked: [1], status: .ok, in: store)
                try await situation("gap", version: 4, parked: [6], status: .gap, in: store)
                try await situation("stale", version: 4, parked: [4], status: .ok, in: store)
                try await situation("retrying", version: 4, parked: [5], status: .retrying, in: store)
                try await situation("quarantined", version: 4, parked: [5], status: .quarantined, in: store)
                try await situation("nothing", version: 4, parked: [], status: .ok, in: store)
                let (all, two) = try await store.transaction { transaction in
                    (
                        try transaction.leftoverDrains(consumer, limit: 10),
                        try transaction.leftoverDrains(consumer, limit: 2)
                    )
                }
                try Expect.equal(all.map(\.id.text).sorted(), ["first", "next", "next-ok"], "the drains left over")
                try Expect.equal(two.count, 2, "the drains left over, at most two")
                let other = try Sample.consumer("payments")
                let foreign = try await store.transaction { try $0.leftoverDrains(other, limit: 10) }
                try Expect.equal(foreign, [], "another consumer's drains")
            },
            check("retries are due at their time, and when they are further away than the longest delay") { store in
                let consumer = try Sample.consumer()
                let now = Sample.instant
                let times: [(String, Duration)] = [
                    ("past", .seconds(-1)), ("now", .zero), ("soon", .seconds(1)), ("limit", .seconds(60)),
                    ("far", .milliseconds(60_001)),
                ]
                for (id, delay) in times {
                    try await retry(id, at: now.advanced(by: delay), in: store)
                }
                try await situation("gap", version: 4, parked: [6], status: .gap, in: store)
                try await retry("newer", reason: .newerRevision, at: now, in: store)
                try await retry("given-up", status: .quarantined, at: now, in: store)
                let (due, one) = try await store.transaction { transaction in
                    (
                        try transaction.dueRetries(consumer, now: now, maxDelay: .seconds(60), limit: 10),
                        try transaction.dueRetries(consumer, now: now, maxDelay: .seconds(60), limit: 1)
                    )
                }
                try Expect.equal(due.map(\.id.text).sorted(), ["far", "newer", "now", "past"], "the retries due")
                try Expect.equal(one.count, 1, "the retries due, at most one")
            },
            check("gaps are named with their lowest row, the longest parked first") { store in
                try await situation("young", version: 4, parked: [6], status: .gap, at: [later(10)], in: store)
                try await situation(
                    "old", version: 0, parked: [9, 3], status: .gap, at: [later(1), later(5)], in: store)
                try await situation(
                    "older", version: 4, parked: [7, 8], status: .stuck,
                    at: [
                        later(4),
                        .init(
                            microseconds: Sample.instant.microseconds),
                    ], in: store)
                try await situation("next", version: 4, parked: [5], status: .gap, at: [later(1)], in: store)
                try await situation("failed", version: 4, parked: [6], status: .quarantined, at: [later(1)], in: store)
                try await situation("retried", version: 4, parked: [6], status: .retrying, at: [later(1)], in: store)
                let consumer = try Sample.consumer()
                let (gaps, one) = try await store.transaction { transaction in
                    (
                        try transaction.gaps(consumer, parkedBefore: later(10), limit: 10),
                        try transaction.gaps(consumer, parkedBefore: later(10), limit: 1)
                    )
                }
                let expected = [
                    Gap(
                        aggregate: try Sample.aggregate("older"), watermark: try Sample.version(4),
                        watermarkSequence: StreamSequence(40), lowestParked: try Sample.version(7),
                        lowestStored: Array("stored 7".utf8),
                        oldestParkedAt: Sample.instant),
                    Gap(
                        aggregate: try Sample.aggregate("old"), watermark: .none, watermarkSequence: .none,
                        lowestParked: try Sample.version(3), lowestStored: Array("stored 3".utf8),
                        oldestParkedAt: later(1)),
                ]
                try Expect.equal(gaps, expected, "the gaps")
                try Expect.equal(one, [expected[0]], "the longest parked gap")
            },
        ]
    }

    /// Makes an aggregate with a watermark and parked rows.
    private static func situation(
        _ id: String, version: Int64, parked: [Int64], status: AggregateStatus, at times: [Timestamp] = [],
        in store: any ConsumerStore
    ) async throws {
        let aggregate = try Sample.aggregate(id)
        _ = try await stored(
            Watermark(
                aggregate: aggregate, version: try Sample.version(version),
                streamSequence: StreamSequence(UInt64(version) * 10), parked: parked.count, status: status),
            in: store)
        let rows = try parked.enumerated().map { offset, number in
            try Sample.parked(aggregate, number, at: offset < times.count ? times[offset] : Sample.instant)
        }
        let consumer = try Sample.consumer()
        _ = try await store.transaction { try $0.park(consumer, rows) }
    }

    /// Makes an aggregate whose next event is to be tried again.
    private static func retry(
        _ id: String, reason: ParkReason = .retry, status: AggregateStatus = .retrying, at time: Timestamp,
        in store: any ConsumerStore
    ) async throws {
        let aggregate = try Sample.aggregate(id)
        _ = try await stored(
            Watermark(aggregate: aggregate, version: try Sample.version(4), parked: 1, status: status), in: store)
        let row = try Sample.parked(aggregate, 5, reason: reason, nextAttemptAt: time)
        let consumer = try Sample.consumer()
        try await store.transaction { try $0.replaceParked(consumer, row) }
    }
}
