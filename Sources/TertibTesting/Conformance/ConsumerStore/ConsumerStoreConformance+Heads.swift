import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var headChecks: [Check] {
        [
            check("an aggregate has no head until one is set where none was expected") { store in
                let aggregate = try Sample.aggregate("42")
                let head = try head(of: aggregate, at: 1)
                let (before, isSet, after, again) = try await store.transaction { transaction in
                    (
                        try transaction.head(of: aggregate),
                        try transaction.compareAndSetHead(nil, to: head),
                        try transaction.head(of: aggregate),
                        try transaction.compareAndSetHead(nil, to: head)
                    )
                }
                try Expect.that(before == nil, "no head", found: "\(String(describing: before))")
                try Expect.that(isSet, "the first head to be set")
                try Expect.equal(after, head, "the head")
                try Expect.that(!again, "a second first head to be refused")
            },
            check("a head is replaced when its version is the expected one, and only then") { store in
                let aggregate = try Sample.aggregate("42")
                let (first, second) = (try head(of: aggregate, at: 1), try head(of: aggregate, at: 2))
                let third = try head(of: aggregate, at: 3)
                let results = try await store.transaction { transaction in
                    [
                        try transaction.compareAndSetHead(first, to: second),
                        try transaction.compareAndSetHead(nil, to: first),
                        try transaction.compareAndSetHead(second, to: third),
                        try transaction.compareAndSetHead(first, to: second),
                        try transaction.compareAndSetHead(first, to: third),
                    ]
                }
                try Expect.equal(results, [false, true, false, true, false], "which replacements were made")
                let found = try await store.read { try $0.head(of: aggregate) }
                try Expect.equal(found, second, "the head")
            },
            check("a head with every column comes back") { store in
                let adopted = AggregateHead(
                    aggregate: try Sample.aggregate("a b/ü*.>"), version: try Sample.version(9),
                    publishedVersion: try Sample.version(8), eventID: nil, streamSequence: StreamSequence(77))
                _ = try await store.transaction { try $0.compareAndSetHead(nil, to: adopted) }
                let found = try await store.read { try $0.head(of: adopted.aggregate) }
                try Expect.equal(found, adopted, "the head")
            },
            check("staging does not undo what a relay has marked since the head was read") { store in
                let aggregate = try Sample.aggregate("42")
                try await stage(aggregate, 1...2, in: store)
                let read = try Expect.some(try await store.read { try $0.head(of: aggregate) }, "a head")
                try await store.transaction { transaction in
                    let claim = try Expect.some(
                        try transaction.claimOutbox(now: later(0), lease: .seconds(5), limit: 1).first, "a claim")
                    try transaction.markPublished(claim.row, at: StreamSequence(50), now: later(1))
                }
                var next = read
                next.version = try Sample.version(3)
                next.eventID = try Sample.event("\(aggregate)-3")
                let update = next
                let isSet = try await store.transaction { try $0.compareAndSetHead(read, to: update) }
                try Expect.that(isSet, "a comparison of the version alone")
                let found = try await store.read { try $0.head(of: aggregate) }
                try Expect.equal(found?.version.number, 3, "the head's version")
                try Expect.equal(found?.publishedVersion.number, 1, "the published version")
                try Expect.equal(found?.streamSequence, StreamSequence(50), "the published sequence")
            },
        ]
    }

    private static func head(of aggregate: Aggregate, at number: Int64) throws -> AggregateHead {
        AggregateHead(
            aggregate: aggregate, version: try Sample.version(number), eventID: try Sample.event("event-\(number)"))
    }

    /// Stages versions of an aggregate, each in a transaction of its own, as a service does.
    static func stage(
        _ aggregate: Aggregate, _ numbers: ClosedRange<Int64>, at time: Timestamp = Sample.instant,
        in store: any ConsumerStore
    ) async throws {
        for number in numbers {
            let row = try Sample.outboxRow(aggregate, number, at: time)
            let isStaged = try await store.transaction { transaction in
                let read = try transaction.head(of: aggregate)
                var head = read ?? AggregateHead(aggregate: aggregate)
                head.version = row.version
                head.eventID = row.eventID
                guard try transaction.compareAndSetHead(read, to: head) else { return false }
                try transaction.insertOutbox(row)
                return true
            }
            try Expect.that(isStaged, "version \(number) of \(aggregate) to be staged")
        }
    }
}
