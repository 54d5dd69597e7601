import TertibCore
import TertibRuntime

extension ConsumerStoreConformance {
    static var headChecks: [Check] {
        [
            check("an aggregate has no head until one is set where none was expected") { store in
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

extension ConsumerStoreConformance {
    static var outboxChecks: [Check] {
        [
            check("staged rows get rising positions and keep every column") { store in
                try await stage(aggregate, 1...3, in: store)
                let rows = try await store.read { try $0.outboxRows(of: aggregate, limit: 10) }
                try Expect.equal(rows.map(\.version.number), [1, 2, 3], "the versions, by position")
                try Expect.equal(rows.map(\.position), rows.map(\.position).sorted(), "the positions")
                try Expect.equal(Set(rows.map(\.position)).count, 3, "the different positions")
                var expected = try Sample.outboxRow(aggregate, 2)
                expected.position = rows[1].position
                try Expect.equal(rows[1], expected, "the second row")
            },
            check("a version is staged once") { store in
                try await stage(aggregate, 1...1, in: store)
                let failure = try await Expect.failure(StoreError.self, "a second row of one version to be refused") {
                    let row = try Sample.outboxRow(aggregate, 1, event: "another")
                    try await store.transaction { try $0.insertOutbox(row) }
                }
                try Expect.equal(failure.code, .statement, "the code")
            },
            check("a relay takes the lowest unpublished row of each aggregate, with its head") { store in
                let (first, second) = (try Sample.aggregate("1"), try Sample.aggregate("2"))
                try await stage(first, 1...3, in: store)
                try await stage(second, 1...1, in: store)
                let claims = try await takeOutbox(in: store)
                try Expect.equal(versions(claims), ["1@1", "2@1"], "the rows taken")
                for claim in claims {
                    let head = try await store.read { try $0.head(of: claim.row.aggregate) }
                    try Expect.equal(claim.head, head, "the head of \(claim.row.aggregate)")
                    try Expect.equal(claim.row.stored, Array("stored 1".utf8), "the stored message")
                }
            },
            check("a relay takes no more aggregates than its limit") { store in
                for id in 1...5 { try await stage(try Sample.aggregate("\(id)"), 1...2, in: store) }
                let first = try await takeOutbox(limit: 3, in: store)
                let second = try await takeOutbox(limit: 3, in: store)
                try Expect.equal(first.count, 3, "the rows taken first")
                try Expect.equal(second.count, 2, "the rows taken then")
                try Expect.equal(Set(first + second).count, 5, "the different rows taken")
            },
            check("what is taken is not taken again before its lease ends, nor is what follows it") { store in
                try await stage(aggregate, 1...2, in: store)
                let first = try await takeOutbox(at: later(0), in: store)
                let held = try await takeOutbox(at: later(4), in: store)
                let again = try await takeOutbox(at: later(5), in: store)
                try Expect.equal(versions(first), ["42@1"], "the rows taken first")
                try Expect.equal(versions(held), [], "the rows taken within the lease")
                try Expect.equal(versions(again), ["42@1"], "the rows taken when the lease has ended")
            },
            check("a row that was given back is taken again at its time") { store in
                try await stage(aggregate, 1...1, in: store)
                let row = try Expect.some(try await takeOutbox(in: store).first, "a claim").row
                try await store.transaction { try $0.releaseOutbox(row, notBefore: later(2)) }
                try Expect.equal(versions(try await takeOutbox(at: later(1), in: store)), [], "the rows taken before")
                try Expect.equal(
                    versions(try await takeOutbox(at: later(2), in: store)), ["42@1"], "the rows taken then")
            },
            check("a published row is not taken again, and the next version is") { store in
                try await stage(aggregate, 1...2, in: store)
                let claim = try Expect.some(try await takeOutbox(in: store).first, "a claim")
                try await publish(claim.row, at: 10, in: store)
                let head = try Expect.some(try await store.read { try $0.head(of: aggregate) }, "a head")
                try Expect.equal(head.publishedVersion, .first, "the published version")
                try Expect.equal(head.streamSequence, StreamSequence(10), "the head's sequence")
                try Expect.equal(head.version.number, 2, "the staged version")
                let next = try await takeOutbox(in: store)
                try Expect.equal(versions(next), ["42@2"], "the rows taken")
                try Expect.equal(next.first?.head, head, "the head that came with it")
            },
            check("marking moves a head forward, never back") { store in
                try await stage(aggregate, 1...2, in: store)
                let first = try Expect.some(try await takeOutbox(in: store).first, "a claim").row
                try await publish(first, at: 10, in: store)
                let second = try Expect.some(try await takeOutbox(in: store).first, "a claim").row
                try await publish(second, at: 20, in: store)
                try await publish(first, at: 10, in: store)
                let head = try await store.read { try $0.head(of: aggregate) }
                try Expect.equal(head?.publishedVersion.number, 2, "the published version")
                try Expect.equal(head?.streamSequence, StreamSequence(20), "the head's sequence")
                try Expect.equal(
                    versions(try await takeOutbox(at: later(60), in: store)), [], "the rows left to publish")
            },
            check("rows published long enough ago are deleted, up to a limit, and no others") { store in
                for id in 1...4 {
                    try await stage(try Sample.aggregate("\(id)"), 1...2, in: store)
                }
                for (offset, claim) in try await takeOutbox(in: store).enumerated() {
                    try await publish(claim.row, at: UInt64(offset + 1), now: later(offset), in: store)
                }
                let (none, two, rest) = try await store.transaction { transaction in
                    (
                        try transaction.deletePublished(before: later(0), limit: 10),
                        try transaction.deletePublished(before: later(3), limit: 2),
                        try transaction.deletePublished(before: later(3), limit: 10)
                    )
                }
                try Expect.equal([none, two, rest], [0, 2, 1], "the rows deleted")
                let left = try await store.read { try $0.outboxRows(of: nil, limit: 10) }
                try Expect.equal(left.map(\.version.number), [2, 2, 2, 2], "the unpublished versions")
            },
            check("a reader counts what is unpublished, of one aggregate or all") { store in
                let (first, second) = (try Sample.aggregate("1"), try Sample.aggregate("2"))
                let empty = try await store.read { try $0.outboxSummary() }
                try Expect.equal(empty, OutboxSummary(rows: 0, oldestStagedAt: nil), "an empty outbox")
                try await stage(first, 1...2, at: later(1), in: store)
                try await stage(second, 1...1, at: later(9), in: store)
                let claim = try Expect.some(try await takeOutbox(at: later(60), limit: 1, in: store).first, "a claim")
                try await publish(claim.row, at: 1, in: store)
                let (summary, rows, one) = try await store.read { reader in
                    (
                        try reader.outboxSummary(), try reader.outboxRows(of: nil, limit: 10),
                        try reader.outboxRows(of: second, limit: 10)
                    )
                }
                try Expect.equal(summary.rows, 2, "the unpublished rows")
                try Expect.equal(rows.count, 2, "the unpublished rows read")
                try Expect.equal(summary.oldestStagedAt, rows.map(\.stagedAt).min(), "the oldest of them")
                try Expect.that(one.allSatisfy { $0.aggregate == second }, "the rows of one aggregate alone")
            },
            check("a reader reads what is unpublished of each of several aggregates, lowest versions first") { store in
                let aggregates = [try Sample.aggregate("1"), try Sample.aggregate("2"), try Sample.aggregate("3")]
                try await stage(aggregates[0], 1...4, in: store)
                try await stage(aggregates[1], 1...1, in: store)
                let claim = try Expect.some(try await takeOutbox(limit: 1, in: store).first, "a claim")
                try Expect.equal(claim.row.aggregate, aggregates[0], "the aggregate staged first")
                try await publish(claim.row, at: 1, in: store)
                let rows = try await store.read { try $0.outboxRows(ofEach: aggregates, limit: 2) }
                let versions = aggregates.map { rows[$0]?.map(\.version.number) ?? [] }
                try Expect.equal(versions, [[2, 3], [1], []], "the versions of each")
            },
        ]
    }

    static var reopeningChecks: [Check] {
        [
            check("what a stream has lost is to be published again, the lowest first, behind what it has") { store in
                try await stage(aggregate, 1...4, in: store)
                for number in 1...3 {
                    let claim = try Expect.some(try await takeOutbox(in: store).first, "a claim")
                    try await publish(claim.row, at: UInt64(number * 10), in: store)
                }
                let head = try Expect.some(try await store.read { try $0.head(of: aggregate) }, "a head")
                let isReopened = try await store.transaction {
                    try $0.reopenOutbox(head, behind: .first, at: StreamSequence(10))
                }
                try Expect.that(isReopened, "the outbox to be reopened")
                let rows = try await store.read { try $0.outboxRows(of: aggregate, limit: 10) }
                try Expect.equal(rows.map(\.version.number), [2, 3, 4], "the unpublished versions")
                let claim = try Expect.some(try await takeOutbox(in: store).first, "a claim")
                try Expect.equal(claim.row.version.number, 2, "the version taken first")
                try Expect.equal(claim.head.publishedVersion, .first, "the published version")
                try Expect.equal(claim.head.streamSequence, StreamSequence(10), "the head's sequence")
                try Expect.equal(claim.head.version.number, 4, "the staged version")
                try await publish(claim.row, at: 50, in: store)
                try Expect.equal(versions(try await takeOutbox(in: store)), ["42@3"], "the rows taken then")
            },
            check("nothing is reopened where the head has moved, or where a row is no longer held") { store in
                try await stage(aggregate, 1...3, in: store)
                for number in 1...2 {
                    let claim = try Expect.some(try await takeOutbox(in: store).first, "a claim")
                    try await publish(claim.row, at: UInt64(number), now: later(number), in: store)
                }
                let head = try Expect.some(try await store.read { try $0.head(of: aggregate) }, "a head")
                var moved = head
                moved.streamSequence = StreamSequence(7)
                _ = try await store.transaction { try $0.deletePublished(before: later(2), limit: 10) }
                for (expected, version) in [(moved, AggregateVersion.first), (head, AggregateVersion.none)] {
                    let isReopened = try await store.transaction {
                        try $0.reopenOutbox(expected, behind: version, at: .none)
                    }
                    try Expect.that(!isReopened, "the outbox to stay as it is")
                }
                let after = try await store.read { try $0.head(of: aggregate) }
                try Expect.equal(after, head, "the head")
                let rows = try await store.read { try $0.outboxRows(of: aggregate, limit: 10) }
                try Expect.equal(rows.map(\.version.number), [3], "the unpublished versions")
            },
        ]
    }

    static func takeOutbox(
        at time: Timestamp = Sample.instant, limit: Int = 100, in store: any ConsumerStore
    ) async throws -> [OutboxClaim] {
        try await store.transaction { try $0.claimOutbox(now: time, lease: .seconds(5), limit: limit) }
    }

    private static func publish(
        _ row: OutboxRow, at sequence: UInt64, now: Timestamp = Sample.instant, in store: any ConsumerStore
    ) async throws {
        try await store.transaction { try $0.markPublished(row, at: StreamSequence(sequence), now: now) }
    }

    static func versions(_ claims: [OutboxClaim]) -> [String] {
        claims.map { "\($0.row.aggregate.id)@\($0.row.version)" }.sorted()
    }
}
