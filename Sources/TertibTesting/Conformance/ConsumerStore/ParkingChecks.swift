import TertibCore
import TertibRuntime

extension ConsumerStoreConformance {
    static var parkingChecks: [Check] {
        [
            check("a parked row comes back with every column") { store in
                let time = Timestamp(microseconds: Sample.instant.microseconds + 123_457)
                let rows = [
                    try Sample.parked(aggregate, 3),
                    ParkedEvent(
                        aggregate: aggregate, version: try Sample.version(4), eventID: try Sample.event("e'%\u{e9}"),
                        streamSequence: StreamSequence(9), stored: [0, 255, 13, 10], reason: .retry, parkedAt: time,
                        attempts: 5, nextAttemptAt: time.advanced(by: .microseconds(1)), error: "it's broken\n"),
                    try Sample.parked(aggregate, 5, reason: .behindFailure),
                    try Sample.parked(aggregate, 6, reason: .newerRevision),
                ]
                let (there, found) = try await store.transaction { transaction in
                    let there = try transaction.park(consumer, rows)
                    return (there, try transaction.parked(consumer, of: aggregate, from: .first, limit: 10))
                }
                try Expect.equal(there, [], "the rows that were there already")
                try Expect.equal(found, rows, "the parked rows")
            },
            check("parked rows are read by version, from a version on, up to a limit") { store in
                let other = try Sample.aggregate("43")
                let versions: [Int64] = [10, 3, 9, 100, 4]
                let (from4, two, none) = try await store.transaction { transaction in
                    let rows = try Sample.each(versions) { try Sample.parked(aggregate, $0) }
                    _ = try transaction.park(consumer, rows + [try Sample.parked(other, 5)])
                    let start = try Sample.version(4)
                    return (
                        try transaction.parked(consumer, of: aggregate, from: start, limit: 10),
                        try transaction.parked(consumer, of: aggregate, from: start, limit: 2),
                        try transaction.parked(consumer, of: aggregate, from: .highest, limit: 2)
                    )
                }
                try Expect.equal(from4.map(\.version.number), [4, 9, 10, 100], "the versions from 4 on")
                try Expect.equal(two.map(\.version.number), [4, 9], "the first two versions from 4 on")
                try Expect.equal(none, [], "the rows from the highest version on")
            },
            check("parking a version that is parked writes nothing and returns the row that is there") { store in
                let first = [try Sample.parked(aggregate, 3), try Sample.parked(aggregate, 5, event: "other-branch")]
                let second = try Sample.each([5, 4, 3]) { try Sample.parked(aggregate, $0) }
                let (there, found) = try await store.transaction { transaction in
                    _ = try transaction.park(consumer, first)
                    let there = try transaction.park(consumer, second)
                    return (there, try transaction.parked(consumer, of: aggregate, from: .first, limit: 10))
                }
                try Expect.equal(there, [first[1], first[0]], "the rows that were there, in the order of the events")
                try Expect.equal(found, [first[0], second[1], first[1]], "the parked rows")
            },
            check("parking the same event again returns the row that is there") { store in
                let row = try Sample.parked(aggregate, 3)
                _ = try await store.transaction { try $0.park(consumer, [row]) }
                let there = try await store.transaction { try $0.park(consumer, [row]) }
                try Expect.equal(there, [row], "the rows that were there")
            },
            check("many rows are parked at once") { store in
                let rows = try Sample.each(2...1001) { try Sample.parked(aggregate, Int64($0)) }
                let found = try await store.transaction { transaction in
                    _ = try transaction.park(consumer, rows)
                    return try transaction.parked(consumer, of: aggregate, from: .first, limit: 2000)
                }
                try Expect.equal(found.count, rows.count, "the parked rows")
                try Expect.equal(found, rows, "the parked rows")
            },
            check("a parked row is replaced, whether or not one is there") { store in
                let retry = try Sample.parked(
                    aggregate, 3, event: "canonical", reason: .retry, nextAttemptAt: Sample.instant)
                let fresh = try Sample.parked(aggregate, 4)
                let found = try await store.transaction { transaction in
                    _ = try transaction.park(consumer, [try Sample.parked(aggregate, 3)])
                    try transaction.replaceParked(consumer, retry)
                    try transaction.replaceParked(consumer, fresh)
                    return try transaction.parked(consumer, of: aggregate, from: .first, limit: 10)
                }
                try Expect.equal(found, [retry, fresh], "the parked rows")
            },
            check("deleting takes the rows up to and including a version, of one aggregate and consumer") { store in
                let other = try Sample.consumer("payments")
                let adjacent = try Sample.aggregate("43")
                let (deleted, left, again) = try await store.transaction { transaction in
                    for number in Int64(2)...5 {
                        let row = try Sample.parked(aggregate, number)
                        _ = try transaction.park(consumer, [row, try Sample.parked(adjacent, number)])
                        _ = try transaction.park(other, [row])
                    }
                    let through = try Sample.version(4)
                    return (
                        try transaction.deleteParked(consumer, of: aggregate, through: through),
                        try transaction.parked(consumer, of: aggregate, from: .first, limit: 10),
                        try transaction.deleteParked(consumer, of: aggregate, through: through)
                    )
                }
                try Expect.equal(deleted, 3, "the rows deleted")
                try Expect.equal(left.map(\.version.number), [5], "the versions left")
                try Expect.equal(again, 0, "the rows deleted again")
                let counts = try await store.transaction { transaction in
                    [try transaction.parkedCount(consumer), try transaction.parkedCount(other)]
                }
                try Expect.equal(counts, [5, 4], "the rows of the two consumers")
            },
        ]
    }
}

extension ConsumerStoreConformance {
    static var deadLetterChecks: [Check] {
        [
            check("a dead letter comes back with every column, and its bytes untouched") { store in
                let letters = [
                    try Sample.deadLetter(aggregate, version: .first, sequence: 1),
                    try Sample.deadLetter(
                        nil, version: nil, sequence: 2, reason: .malformed, failedAt: later(1), attempts: 0),
                ]
                try await keep(letters, in: store)
                let found = try await deadLetters(of: nil, in: store)
                try Expect.equal(found, letters.reversed(), "the open dead letters, newest first")
            },
            check("every reason survives") { store in
                let letters = try DeadLetterReason.allCases.enumerated().map { offset, reason in
                    try Sample.deadLetter(nil, version: nil, sequence: UInt64(offset + 1), reason: reason)
                }
                try await keep(letters, in: store)
                let found = try await deadLetters(of: nil, in: store)
                try Expect.equal(Set(found), Set(letters), "the open dead letters")
            },
            check("dead letters are read of one aggregate, newest first, up to a limit") { store in
                let other = try Sample.aggregate("43")
                let letters = try (1...5).map { number in
                    try Sample.deadLetter(
                        number == 3 ? other : aggregate, version: try Sample.version(Int64(number)),
                        sequence: UInt64(number), failedAt: later(number))
                }
                try await keep(letters, in: store)
                let found = try await deadLetters(of: aggregate, limit: 2, in: store)
                try Expect.equal(found.map(\.streamSequence.number), [5, 4], "the sequences found")
            },
            check("the open dead letters of aggregates are named, oldest first, if they have a version") { store in
                let other = try Sample.aggregate("43")
                let third = try Sample.aggregate("44")
                let letters = [
                    try Sample.deadLetter(aggregate, version: .first, sequence: 1, failedAt: later(1)),
                    try Sample.deadLetter(aggregate, version: nil, sequence: 2, reason: .malformed, failedAt: later(2)),
                    try Sample.deadLetter(
                        other, version: try Sample.version(9), sequence: 3, reason: .forked, failedAt: later(3)),
                    try Sample.deadLetter(third, version: .first, sequence: 4, failedAt: later(4)),
                ]
                try await keep(letters, in: store)
                let (keys, none, foreign) = try await store.transaction { transaction in
                    (
                        try transaction.openDeadLetters(consumer, of: [other, aggregate]),
                        try transaction.openDeadLetters(consumer, of: []),
                        try transaction.openDeadLetters(try Sample.consumer("payments"), of: [aggregate])
                    )
                }
                let expected = [
                    DeadLetterKey(
                        aggregate: aggregate, version: .first, eventID: try Sample.event("event-1"), reason: .failed,
                        streamSequence: StreamSequence(1)),
                    DeadLetterKey(
                        aggregate: other, version: try Sample.version(9), eventID: try Sample.event("event-9"),
                        reason: .forked, streamSequence: StreamSequence(3)),
                ]
                try Expect.equal(keys, expected, "the keys")
                try Expect.equal(none, [], "the keys of no aggregate")
                try Expect.equal(foreign, [], "another consumer's keys")
            },
            check("a repeat keeps one row, with the first failure's time and the last failure") { store in
                let first = try Sample.deadLetter(nil, version: nil, sequence: 7, attempts: 1)
                let second = try Sample.deadLetter(nil, version: nil, sequence: 7, failedAt: later(60), attempts: 2)
                try await keep([first], in: store)
                try await keep([second], in: store)
                let found = try await deadLetters(of: nil, in: store)
                try Expect.equal(found.count, 1, "the rows of one message")
                let letter = try Expect.some(found.first, "a dead letter")
                try Expect.equal(letter.id, first.id, "the row's id")
                try Expect.equal(letter.firstFailedAt, first.firstFailedAt, "the first failure")
                try Expect.equal(letter.lastFailedAt, second.lastFailedAt, "the last failure")
                try Expect.equal(letter.attempts, 2, "the attempts")
                try Expect.equal(letter.error, "failed 2 times", "the error")
            },
            check("the same sequence of a stream that was created anew, or of another consumer, is another row") {
                store in
                let first = try Sample.deadLetter(nil, version: nil, sequence: 7)
                let second = try Sample.deadLetter(nil, version: nil, sequence: 7, stream: later(3600))
                try await keep([first, second], in: store)
                let third = try Sample.deadLetter(nil, version: nil, sequence: 7, attempts: 3)
                let other = try Sample.consumer("payments")
                try await store.transaction { try $0.saveDeadLetter(other, third) }
                try Expect.equal(try await deadLetters(of: nil, in: store).count, 2, "the consumer's rows")
                let foreign = try await store.read { try $0.deadLetters(other, of: nil, limit: 10) }
                try Expect.equal(foreign, [third], "the other consumer's rows")
            },
            check("a dead letter that was dealt with is not open, and a repeat reopens it") { store in
                let letter = try Sample.deadLetter(aggregate, version: .first, sequence: 7)
                try await keep([letter], in: store)
                let changed = try await store.transaction { transaction in
                    try transaction.execute(ConformanceSQL.resolveDeadLetter, arguments: [.integer(7)])
                }
                try Expect.equal(changed, 1, "the rows resolved")
                try Expect.equal(try await deadLetters(of: nil, in: store), [], "the open dead letters")
                let keys = try await store.transaction { try $0.openDeadLetters(consumer, of: [aggregate]) }
                try Expect.equal(keys, [], "the keys of open dead letters")
                try await keep([letter], in: store)
                try Expect.equal(try await deadLetters(of: nil, in: store), [letter], "the dead letters after a repeat")
            },
        ]
    }

    static func later(_ seconds: Int) -> Timestamp { Sample.instant.advanced(by: .seconds(seconds)) }

    static func keep(_ letters: [DeadLetter], in store: any ConsumerStore) async throws {
        try await store.transaction { transaction in
            for letter in letters { try transaction.saveDeadLetter(consumer, letter) }
        }
    }

    private static func deadLetters(
        of aggregate: Aggregate?, limit: Int = 100, in store: any ConsumerStore
    ) async throws -> [DeadLetter] {
        return try await store.read { try $0.deadLetters(consumer, of: aggregate, limit: limit) }
    }
}

extension ConsumerStoreConformance {
    static var sweepingChecks: [Check] {
        [
            check("drains left over are the aggregates whose next version is parked, unless they failed") { store in
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
        try await store.transaction { try $0.replaceParked(consumer, row) }
    }
}

extension ConsumerStoreConformance {
    static var readerChecks: [Check] {
        [
            check("watermarks are paged in byte order over all aggregates, each once") { store in
                let names = try ["order/9", "order/10", "product/\u{e9}", "product/e\u{301}", "product/Z", "product/a"]
                    .map { try Aggregate(parsing: $0) }
                _ = try await claim(names.sorted().map { Watermark(aggregate: $0) }, in: store)
                var found: [Aggregate] = []
                var page: [Watermark] = []
                repeat {
                    let last = found.last
                    page = try await store.read { try $0.watermarks(consumer, after: last, limit: 4) }
                    try Expect.that(page.count <= 4, "pages of at most 4 rows", found: "\(page.count)")
                    found += page.map(\.aggregate)
                } while !page.isEmpty && found.count <= names.count
                try Expect.equal(found, names.sorted(), "the aggregates, page by page")
            },
            check("parked rows are read of one aggregate or all, the longest parked first") { store in
                let (first, second) = (try Sample.aggregate("1"), try Sample.aggregate("2"))
                let rows = [
                    try Sample.parked(first, 3, at: later(3)), try Sample.parked(second, 9, at: later(1)),
                    try Sample.parked(first, 4, at: later(2)),
                ]
                _ = try await store.transaction { try $0.park(consumer, rows) }
                let (all, one, two) = try await store.read { reader in
                    (
                        try reader.parkedRows(consumer, of: nil, limit: 10),
                        try reader.parkedRows(consumer, of: first, limit: 10),
                        try reader.parkedRows(consumer, of: nil, limit: 2)
                    )
                }
                try Expect.equal(all.map(\.version.number), [9, 4, 3], "the versions of all rows")
                try Expect.equal(one.map(\.version.number), [4, 3], "the versions of one aggregate's rows")
                try Expect.equal(two.map(\.version.number), [9, 4], "the versions of the first two rows")
            },
            check("a summary counts aggregates, parked rows, stuck gaps, dead letters and quarantines") { store in
                try await makeSummarised(store)
                let (summary, earlier) = try await store.read { reader in
                    (
                        try reader.summary(consumer, stuckBefore: later(10)),
                        try reader.summary(consumer, stuckBefore: later(2))
                    )
                }
                let expected = ConsumerSummary(
                    aggregates: 5, parked: 4, oldestParkedAt: later(1), stuck: 2, behind: 0, deadLetters: 2,
                    quarantined: 1)
                try Expect.equal(summary, expected, "the summary")
                try Expect.equal(earlier.stuck, 1, "the gaps parked before an earlier time")
            },
            check("a consumer that has nothing has a summary of zeros") { store in
                let summary = try await store.read { reader in
                    try reader.summary(consumer, stuckBefore: Sample.instant)
                }
                let expected = ConsumerSummary(
                    aggregates: 0, parked: 0, oldestParkedAt: nil, stuck: 0, behind: 0, deadLetters: 0, quarantined: 0)
                try Expect.equal(summary, expected, "the summary")
            },
        ]
    }

    /// Five aggregates: one at rest, two in a gap (parked at 1 and 5 s), one quarantined (parked at 3 s), one in a gap
    /// that is young (parked at 20 s); two open dead letters; and another consumer's rows, which must not count.
    private static func makeSummarised(_ store: any ConsumerStore) async throws {
        let situations: [(String, AggregateStatus, Timestamp?)] = [
            ("rest", .ok, nil), ("gap-1", .gap, later(1)), ("gap-2", .gap, later(5)),
            ("poison", .quarantined, later(3)), ("young", .gap, later(20)),
        ]
        for (id, status, time) in situations {
            let row = Watermark(aggregate: try Sample.aggregate(id), parked: time == nil ? 0 : 1, status: status)
            _ = try await stored(row, in: store)
            guard let time else { continue }
            let parked = try Sample.parked(row.aggregate, 5, at: time)
            _ = try await store.transaction { try $0.park(consumer, [parked]) }
        }
        let poison = try Sample.aggregate("poison")
        try await keep(
            [
                try Sample.deadLetter(poison, version: .first, sequence: 1),
                try Sample.deadLetter(nil, version: nil, sequence: 2, reason: .malformed),
                try Sample.deadLetter(nil, version: nil, sequence: 3, reason: .malformed),
            ], in: store)
        try await store.transaction { transaction in
            _ = try transaction.execute(ConformanceSQL.resolveDeadLetter, arguments: [.integer(3)])
            let other = try Sample.consumer("payments")
            _ = try transaction.claim(other, [Watermark(aggregate: try Sample.aggregate("rest"))])
            _ = try transaction.park(other, [try Sample.parked(try Sample.aggregate("rest"), 9)])
        }
    }
}
