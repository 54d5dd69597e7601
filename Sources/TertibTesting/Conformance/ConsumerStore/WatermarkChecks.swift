import TertibCore
import TertibRuntime

extension ConsumerStoreConformance {
    static var claimChecks: [Check] {
        [
            check("a claim of an aggregate without a row inserts one, with revision 1") { store in
                let won = try await claim([Watermark(aggregate: aggregate, generation: 3)], in: store)
                let expected = Watermark(aggregate: aggregate, generation: 3, revision: 1)
                try Expect.equal(won, [aggregate: expected], "the rows won")
                try await expectRow(expected, in: store)
            },
            check("a claim of a row as it is wins it, and changes nothing but the revision") { store in
                var row = try await stored(try fullWatermark("42"), in: store)
                let won = try await claim([row], in: store)
                row.revision += 1
                try Expect.equal(won, [row.aggregate: row], "the rows won")
                try await expectRow(row, in: store)
            },
            check("a claim returns the row as the database has it, not as the caller believes") { store in
                let row = try await stored(try fullWatermark("42"), in: store)
                let belief = Watermark(aggregate: row.aggregate, version: row.version, revision: row.revision)
                let won = try await claim([belief], in: store)
                try Expect.equal(won[row.aggregate]?.status, row.status, "the status")
                try Expect.equal(won[row.aggregate]?.parked, row.parked, "the count of parked rows")
                try Expect.equal(won[row.aggregate]?.eventID, row.eventID, "the event id")
            },
            check("a claim with another version than the row has is lost, and changes nothing") { store in
                let row = try await stored(try fullWatermark("42"), in: store)
                var stale = row
                stale.version = try Expect.some(row.version.previous, "a version before")
                try Expect.equal(try await claim([stale], in: store), [:], "the rows won")
                try await expectRow(row, in: store)
            },
            check("a claim with another revision than the row has is lost, and changes nothing") { store in
                let first = try await stored(try fullWatermark("42"), in: store)
                let won = try await claim([first], in: store)
                let row = try Expect.some(won[first.aggregate], "the row to be won once")
                for revision in [row.revision - 1, row.revision + 1] {
                    var other = row
                    other.revision = revision
                    try Expect.equal(try await claim([other], in: store), [:], "the rows won with \(revision)")
                    try await expectRow(row, in: store)
                }
            },
            check("a claim of a new row is lost where there is one already") { store in
                let row = try await stored(try fullWatermark("42"), in: store)
                let won = try await claim([Watermark(aggregate: row.aggregate)], in: store)
                try Expect.equal(won, [:], "the rows won")
                try await expectRow(row, in: store)
            },
            check("a claim of an existing row is lost where there is none") { store in
                let won = try await claim([Watermark(aggregate: aggregate, revision: 2)], in: store)
                try Expect.equal(won, [:], "the rows won")
                let row = try await store.read { try $0.watermark(consumer, of: aggregate) }
                try Expect.that(row == nil, "no row", found: "\(String(describing: row))")
            },
            check("what is lost is left out of a claim, and the rest is won") { store in
                let kept = try await stored(try fullWatermark("1"), in: store)
                var changed = try await stored(try fullWatermark("2"), in: store)
                changed.revision += 5
                let fresh = Watermark(aggregate: try Sample.aggregate("3"))
                let taken = try await stored(try fullWatermark("4"), in: store)
                let won = try await claim(
                    [kept, changed, fresh, Watermark(aggregate: taken.aggregate)], in: store)
                try Expect.equal(
                    won.keys.sorted(), [kept.aggregate, fresh.aggregate], "the aggregates won")
            },
            check("a claim of many rows, new and existing, wins them all") { store in
                let old = try Sample.each(0..<300) { Watermark(aggregate: try Sample.aggregate("old-\($0)")) }
                let won = try await claim(old, in: store)
                try Expect.equal(won.count, 300, "the new rows won")
                let fresh = try Sample.each(0..<300) { Watermark(aggregate: try Sample.aggregate("new-\($0)")) }
                let both = try await claim(
                    (Array(won.values) + fresh).sorted { $0.aggregate < $1.aggregate }, in: store)
                try Expect.equal(both.count, 600, "the rows won")
                let second = both.values.filter { $0.revision == 2 }
                try Expect.equal(second.count, 300, "the rows claimed for the second time")
            },
            check("a second claim within one transaction sees the first") { store in
                let (again, stale) = try await store.transaction { transaction in
                    let first = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    let stale = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    return (try transaction.claim(consumer, Array(first.values)), stale)
                }
                try Expect.equal(again[aggregate]?.revision, 2, "the revision after the second claim")
                try Expect.equal(stale, [:], "the rows won by claiming what this transaction has inserted")
            },
            check("a claim of nothing wins nothing") { store in
                try Expect.equal(try await claim([], in: store), [:], "the rows won")
            },
            check("ids are kept apart byte by byte, and hostile ones are only data") { store in
                let ids = ["\u{e9}", "e\u{301}", "'; DROP TABLE tertib_watermark; --", "%", "_", "a/b.*>", "42 ", "42"]
                let long = String(repeating: "\u{1F6D2}", count: 32)
                let rows = try Sample.each(ids + [long]) { Watermark(aggregate: try Sample.aggregate($0)) }
                let won = try await claim(rows.sorted { $0.aggregate < $1.aggregate }, in: store)
                try Expect.equal(won.count, rows.count, "the rows won")
                for row in rows {
                    let found = try await store.transaction {
                        try $0.watermarks(consumer, of: [row.aggregate])
                    }
                    try Expect.equal(Array(found.keys), [row.aggregate], "the rows of \(row.aggregate)")
                }
            },
            check("consumers have rows of their own") { store in
                let row = try await stored(try fullWatermark("42"), in: store)
                let other = try Sample.consumer("payments")
                let won = try await store.transaction {
                    try $0.claim(other, [Watermark(aggregate: row.aggregate)])
                }
                try Expect.equal(won[row.aggregate]?.version, AggregateVersion.none, "the other consumer's version")
                try await expectRow(row, in: store)
            },
        ]
    }

    /// A watermark none of whose columns has its default.
    static func fullWatermark(_ id: String, status: AggregateStatus = .retrying) throws -> Watermark {
        Watermark(
            aggregate: try Sample.aggregate(id), version: try Sample.version(7), eventID: try Sample.event("event-7"),
            streamSequence: StreamSequence(1007), parked: 3, status: status, generation: 2)
    }

    static func claim(
        _ expected: [Watermark], in store: any ConsumerStore
    ) async throws -> [Aggregate: Watermark] {
        return try await store.transaction { try $0.claim(consumer, expected) }
    }

    /// Makes a row with these columns, and returns it with the revision that it got.
    static func stored(_ watermark: Watermark, in store: any ConsumerStore) async throws -> Watermark {
        return try await store.transaction { transaction in
            let fresh = Watermark(aggregate: watermark.aggregate, generation: watermark.generation)
            let won = try transaction.claim(consumer, [fresh])
            var row = watermark
            row.revision = try Expect.some(won[watermark.aggregate], "a new row to be won").revision
            try transaction.write(consumer, [row])
            return row
        }
    }

    static func expectRow(
        _ expected: Watermark, in store: any ConsumerStore, file: StaticString = #fileID, line: UInt = #line
    ) async throws {
        let row = try await store.read { try $0.watermark(consumer, of: expected.aggregate) }
        try Expect.equal(row, expected, "the stored row", file: file, line: line)
    }
}

extension ConsumerStoreConformance {
    static var writeChecks: [Check] {
        [
            check("a write changes every column but the revision") { store in
                let full = try fullWatermark("42")
                let row = try await stored(full, in: store)
                try Expect.equal(row.revision, 1, "the revision after claim and write")
                try await expectRow(row, in: store)
            },
            check("a write leaves the revision as the claim set it, whatever it is given") { store in
                try await store.transaction { transaction in
                    _ = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    try transaction.write(consumer, [Watermark(aggregate: aggregate, version: .first, revision: 99)])
                }
                try await expectRow(Watermark(aggregate: aggregate, version: .first, revision: 1), in: store)
            },
            check("every status survives, and an event id can be taken back") { store in
                for status in AggregateStatus.allCases {
                    let row = try await stored(try fullWatermark(status.rawValue, status: status), in: store)
                    try await expectRow(row, in: store)
                    let bare = Watermark(aggregate: row.aggregate, status: status, revision: row.revision + 1)
                    try await store.transaction { transaction in
                        _ = try transaction.claim(consumer, [row])
                        try transaction.write(consumer, [bare])
                    }
                    try await expectRow(bare, in: store)
                }
            },
            check("the highest version and sequence survive") { store in
                let row = Watermark(
                    aggregate: aggregate, version: .highest,
                    streamSequence: StreamSequence(UInt64(Int64.max)))
                try await expectRow(try await stored(row, in: store), in: store)
            },
            check("the watermarks of many aggregates are read at once, and those without a row left out") { store in
                let rows = try Sample.each(0..<1200) { Watermark(aggregate: try Sample.aggregate("id-\($0)")) }
                let asked = rows.map(\.aggregate) + [try Sample.aggregate("absent")]
                let (found, none) = try await store.transaction { transaction in
                    _ = try transaction.claim(consumer, rows.sorted { $0.aggregate < $1.aggregate })
                    return (
                        try transaction.watermarks(consumer, of: asked), try transaction.watermarks(consumer, of: [])
                    )
                }
                try Expect.equal(found.count, 1200, "the rows read")
                try Expect.that(found.allSatisfy { $0.key == $0.value.aggregate }, "each row under its aggregate")
                try Expect.equal(none, [:], "the rows of no aggregate")
            },
        ]
    }
}

extension ConsumerStoreConformance {
    static var isolationChecks: [Check] {
        [
            checkReplicas("a reader sees what has committed, and nothing else, without waiting") { writer, other in
                let (claimed, read) = (Gate(), Gate())
                async let writing: Void = writer.transaction { transaction in
                    _ = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    claimed.open()
                    try read.waitOnThread(atMost: .seconds(20), for: "the other replica's read")
                }
                try await claimed.wait(atMost: .seconds(20), for: "the claim")
                let during = try await other.read { try $0.watermark(consumer, of: aggregate) }
                read.open()
                try await writing
                let after = try await other.read { try $0.watermark(consumer, of: aggregate) }
                try Expect.that(during == nil, "no uncommitted row to be read", found: "\(String(describing: during))")
                try Expect.that(after != nil, "the committed row to be read")
            },
            checkReplicas("a reader's snapshot does not move") { writer, other in
                let (started, committed) = (Gate(), Gate())
                async let counts = other.read { reader in
                    let before = try reader.summary(consumer, stuckBefore: Sample.instant).aggregates
                    started.open()
                    try committed.waitOnThread(atMost: .seconds(20), for: "the other replica's commit")
                    return [before, try reader.summary(consumer, stuckBefore: Sample.instant).aggregates]
                }
                try await started.wait(atMost: .seconds(20), for: "the reader to start")
                _ = try await claim([Watermark(aggregate: aggregate)], in: writer)
                committed.open()
                try Expect.equal(try await counts, [0, 0], "the rows seen before and after another replica's commit")
            },
            checkReplicas("a row that another replica holds is never claimed too") { first, second in
                let row = try await stored(try fullWatermark("42"), in: first)
                try await expectOtherReplicaLoses(row, between: first, and: second)
            },
            checkReplicas("a new row that another replica is inserting is never claimed too") { first, second in
                let row = Watermark(aggregate: aggregate)
                try await expectOtherReplicaLoses(row, between: first, and: second)
            },
            checkReplicas("a row whose holder rolled back can be claimed as it was") { first, second in
                let row = try await stored(try fullWatermark("42"), in: first)
                _ = try await Expect.failure(BodyFailure.self, "the body's failure") {
                    try await first.transaction { transaction in
                        _ = try transaction.claim(consumer, [row])
                        throw BodyFailure()
                    }
                }
                let won = try await claim([row], in: second)
                try Expect.equal(won[row.aggregate]?.revision, row.revision + 1, "the revision won")
            },
            checkReplicas("a transaction sees what another replica committed before its statement") { first, second in
                let row = Watermark(aggregate: aggregate)
                _ = try await claim([row], in: first)
                let found = try await second.transaction { try $0.watermarks(consumer, of: [row.aggregate]) }
                try Expect.equal(found[row.aggregate]?.revision, 1, "the revision seen")
            },
        ]
    }

    /// The first transaction claims and stays open while the second tries: on a database with one writer the second
    /// cannot even begin, so the first gives it a moment only and then goes on.
    private static func expectOtherReplicaLoses(
        _ row: Watermark, between first: any ConsumerStore, and second: any ConsumerStore
    ) async throws {
        let (claimed, tried) = (Gate(), Gate())
        async let winner = first.transaction { transaction in
            let won = try transaction.claim(consumer, [row])
            claimed.open()
            _ = tried.waitOnThread(atMost: .milliseconds(300))
            return won
        }
        try await claimed.wait(atMost: .seconds(20), for: "the first claim")
        var lost: [Aggregate: Watermark] = [:]
        do {
            lost = try await second.transaction { transaction in
                let won = try transaction.claim(consumer, [row])
                tried.open()
                return won
            }
        } catch let error as StoreError where error.code == .conflict {
            tried.open()
        }
        try Expect.equal(try await winner.count, 1, "the rows that the first won")
        try Expect.equal(lost, [:], "the rows that the second won")
        let found = try await first.read { try $0.watermark(consumer, of: row.aggregate) }
        try Expect.equal(found?.revision, row.revision + 1, "the revision after one claim")
    }
}

extension ConsumerStoreConformance {
    static var raceChecks: [Check] {
        [
            checkReplicas("of claims that race for one row, exactly one wins, again and again") { first, second in
                var row = Watermark(aggregate: aggregate)
                for round in 1...30 {
                    let expected = row
                    let wins = try await race([first, second, first, second]) { store in
                        try await store.transaction { try $0.claim(consumer, [expected]).count }
                    }
                    try Expect.equal(wins.reduce(0, +), 1, "the winners of round \(round)")
                    row = try Expect.some(
                        try await first.read { try $0.watermark(consumer, of: expected.aggregate) }, "the row")
                    try Expect.equal(row.revision, expected.revision + 1, "the revision after round \(round)")
                }
            },
            checkReplicas("claims of many rows that overlap never win a row twice, and never stop each other") {
                first, second in
                let rows = try Sample.each(0..<40) { Watermark(aggregate: try Sample.aggregate("id-\($0)")) }
                    .sorted { $0.aggregate < $1.aggregate }
                let wins = try await race([first, second, first, second]) { store in
                    try await store.transaction { transaction in
                        let won = try transaction.claim(consumer, rows)
                        for watermark in won.values.sorted(by: { $0.aggregate < $1.aggregate }) {
                            _ = try transaction.park(consumer, [try Sample.parked(watermark.aggregate, 3)])
                        }
                        return won.count
                    }
                }
                try Expect.equal(wins.reduce(0, +), rows.count, "the rows won by all")
                let parked = try await first.transaction { try $0.parkedCount(consumer) }
                try Expect.equal(parked, rows.count, "the rows parked by the winners")
            },
            checkReplicas("writers that stage at once mint every version once") { first, second in
                _ = try await race([first, second, first, second]) { store in
                    for _ in 1...5 { try await stageNext(of: aggregate, in: store) }
                    return 5
                }
                let rows = try await first.read { try $0.outboxRows(of: aggregate, limit: 100) }
                try Expect.equal(rows.map(\.version.number).sorted(), Array(1...20), "the versions staged")
            },
            checkReplicas("relays that run at once never hold one row together") { first, second in
                for id in 1...20 { try await stage(try Sample.aggregate("\(id)"), 1...2, in: first) }
                let taken = Recorder<OutboxRow>()
                _ = try await race([first, second, first, second]) { store in
                    for _ in 1...4 {
                        let claims = try await retryingConflicts { try await takeOutbox(limit: 5, in: store) }
                        for claim in claims { taken.record(claim.row) }
                    }
                    return 0
                }
                try Expect.equal(taken.values.count, 20, "the rows taken")
                try Expect.equal(Set(taken.values).count, 20, "the different rows taken")
            },
            checkReplicas("additions in the database are never lost") { first, second in
                try await first.transaction { try makeSamples($0, words: ["counter"]) }
                _ = try await race([first, second, first, second]) { store in
                    for _ in 1...10 {
                        _ = try await retryingConflicts {
                            try await store.transaction { transaction in
                                try transaction.execute(
                                    ConformanceSQL.addToSample, arguments: [.integer(1), .integer(1)])
                            }
                        }
                    }
                    return 0
                }
                let rows = try await first.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
                try Expect.equal(rows.map { $0["number"] }, [.integer(40)], "the sum of forty additions")
            },
        ]
    }

    /// Runs `body` on all stores at once; a conflict is a loss.
    private static func race(
        _ stores: [any ConsumerStore], _ body: @escaping @Sendable (any ConsumerStore) async throws -> Int
    ) async throws -> [Int] {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for store in stores {
                group.addTask {
                    do {
                        return try await body(store)
                    } catch let error as StoreError where error.code == .conflict {
                        return 0
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Runs `body` again while it conflicts, a bounded number of times.
    static func retryingConflicts<Result: Sendable>(
        _ body: () async throws -> Result
    ) async throws -> Result {
        for _ in 1..<1000 {
            do {
                return try await body()
            } catch let error as StoreError where error.code == .conflict {
                await Task.yield()
            }
        }
        return try await body()
    }

    private static func stageNext(of aggregate: Aggregate, in store: any ConsumerStore) async throws {
        for _ in 1...1000 {
            let isStaged = try await retryingConflicts {
                try await store.transaction { transaction in
                    let read = try transaction.head(of: aggregate)
                    var head = read ?? AggregateHead(aggregate: aggregate)
                    head.version = try Expect.some(head.version.next, "a next version")
                    head.eventID = try Sample.event("\(aggregate)-\(head.version)")
                    guard try transaction.compareAndSetHead(read, to: head) else { return false }
                    try transaction.insertOutbox(try Sample.outboxRow(aggregate, head.version.number))
                    return true
                }
            }
            if isStaged { return }
        }
        throw ConformanceFailure(
            expected: "one of a thousand attempts to stage to succeed", found: "none", place: "\(#fileID):\(#line)")
    }
}

extension ConsumerStoreConformance {
    static var registrationChecks: [Check] {
        [
            check("the first registration is inserted, and later ones get it") { store in
                let mine = try registration("mine")
                let other = try registration("other")
                let first = try await store.transaction { try $0.registration(consumer, insertingIfAbsent: mine) }
                let second = try await store.transaction { try $0.registration(consumer, insertingIfAbsent: other) }
                try Expect.equal(first, mine, "the registration inserted")
                try Expect.equal(second, mine, "the registration that was there")
            },
            check("a registration is replaced as a whole") { store in
                let first = try registration("mine")
                let second = ConsumerRegistration(
                    storeID: "another", stream: try StreamName("OTHER"), streamCreatedAt: later(5),
                    acknowledgedFloor: StreamSequence(123_456_789_012), generation: 4)
                try await store.transaction { transaction in
                    _ = try transaction.registration(consumer, insertingIfAbsent: first)
                    try transaction.writeRegistration(consumer, second)
                }
                let found = try await store.transaction { try $0.registration(consumer, insertingIfAbsent: first) }
                try Expect.equal(found, second, "the registration")
            },
            check("consumers have registrations of their own, and a reader lists them") { store in
                let names = try Sample.each(["payments", "orders"]) { try ConsumerName($0) }
                for name in names {
                    let fresh = try registration(name.text)
                    _ = try await store.transaction { try $0.registration(name, insertingIfAbsent: fresh) }
                }
                let found = try await store.read { try $0.consumers() }
                try Expect.equal(
                    found.mapValues(\.storeID), [names[0]: "payments", names[1]: "orders"], "the consumers")
            },
            checkReplicas("replicas that register at once agree on one registration") { first, second in
                let found = try await withThrowingTaskGroup(of: ConsumerRegistration.self) { group in
                    for (offset, store) in [first, second, first, second].enumerated() {
                        let fresh = try registration("store-\(offset)")
                        group.addTask {
                            try await retryingConflicts {
                                try await store.transaction {
                                    try $0.registration(consumer, insertingIfAbsent: fresh)
                                }
                            }
                        }
                    }
                    return try await group.reduce(into: Set<ConsumerRegistration>()) { $0.insert($1) }
                }
                try Expect.equal(found.count, 1, "the different registrations that four replicas got")
            },
        ]
    }

    private static func registration(_ storeID: String) throws -> ConsumerRegistration {
        ConsumerRegistration(storeID: storeID, stream: try StreamName("SHOP"), streamCreatedAt: Sample.instant)
    }
}
