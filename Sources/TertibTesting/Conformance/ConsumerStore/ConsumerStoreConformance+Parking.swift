import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var parkingChecks: [Check] {
        [
            check("a parked row comes back with every column") { store in
                let (consumer, aggregate) = (try Sample.consumer(), try Sample.aggregate("42"))
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
            check("parked rows are read by version, from a version on, at most so many") { store in
                let (consumer, aggregate) = (try Sample.consumer(), try Sample.aggregate("42"))
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
                let (consumer, aggregate) = (try Sample.consumer(), try Sample.aggregate("42"))
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
                let (consumer, row) = (try Sample.consumer(), try Sample.parked(try Sample.aggregate("42"), 3))
                _ = try await store.transaction { try $0.park(consumer, [row]) }
                let there = try await store.transaction { try $0.park(consumer, [row]) }
                try Expect.equal(there, [row], "the rows that were there")
            },
            check("many rows are parked at once") { store in
                let (consumer, aggregate) = (try Sample.consumer(), try Sample.aggregate("42"))
                let rows = try Sample.each(2...1001) { try Sample.parked(aggregate, Int64($0)) }
                let found = try await store.transaction { transaction in
                    _ = try transaction.park(consumer, rows)
                    return try transaction.parked(consumer, of: aggregate, from: .first, limit: 2000)
                }
                try Expect.equal(found.count, rows.count, "the parked rows")
                try Expect.equal(found, rows, "the parked rows")
            },
            check("a parked row is replaced, whether or not one is there") { store in
                let (consumer, aggregate) = (try Sample.consumer(), try Sample.aggregate("42"))
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
                let (consumer, other) = (try Sample.consumer(), try Sample.consumer("payments"))
                let (aggregate, neighbour) = (try Sample.aggregate("42"), try Sample.aggregate("43"))
                let (deleted, left, again) = try await store.transaction { transaction in
                    for number in Int64(2)...5 {
                        let row = try Sample.parked(aggregate, number)
                        _ = try transaction.park(consumer, [row, try Sample.parked(neighbour, number)])
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
