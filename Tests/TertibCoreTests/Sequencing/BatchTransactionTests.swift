import Testing
import TertibCore

@Suite("A batch's transaction")
struct BatchTransactionTests {
    private let no = HandlerFailure("no")

    // MARK: - Which steps are taken

    /// What a transaction finds, and the steps that it takes, in order.
    static let tables: [(name: String, watermark: Int, parked: [Int], arrivals: [Int], wake: Bool, steps: String)] = [
        (
            "the next events, nothing parked", 1, [], [2, 3], false,
            "readWatermarks claim apply apply writeWatermarks finish"
        ),
        ("nothing but stale events", 3, [], [2, 3], false, "readWatermarks finish"),
        ("a gap, nothing parked", 1, [], [4], false, "readWatermarks claim park writeWatermarks finish"),
        (
            "a gap behind parked rows needs no read of them", 1, [4], [5], false,
            "readWatermarks claim park writeWatermarks finish"
        ),
        (
            "the next event in front of parked rows", 1, [3, 5], [2], false,
            "readWatermarks claim readParked apply apply deleteParked writeWatermarks finish"
        ),
        (
            "a drain left over", 1, [2], [], true,
            "readWatermarks claim readParked apply deleteParked writeWatermarks finish"
        ),
        ("nothing to wake for", 1, [], [], true, "readWatermarks claim writeWatermarks finish"),
    ]

    @Test("It takes the steps that the case needs, in order, and no others", arguments: tables.indices)
    func steps(index: Int) throws {
        let table = Self.tables[index]
        var consumer = try SampleConsumer(
            try Sample.watermark(
                table.watermark, parked: table.parked.count, status: table.parked.isEmpty ? .ok : .gap))
        consumer.rows = try table.parked.map { try Sample.row($0) }
        let batch = Batch(
            arrivals: try table.arrivals.map { try Sample.arrival($0) },
            wakes: table.wake ? [try Sample.aggregate()] : [])
        guard case .finished = consumer.run(batch, mode: .fast) else {
            Issue.record("the transaction gave up")
            return
        }
        #expect(consumer.steps.joined(separator: " ") == table.steps, "\(table.name)")
    }

    @Test("An empty batch reads nothing")
    func empty() throws {
        var consumer = try SampleConsumer()
        guard case .finished = consumer.run(Batch(), mode: .fast) else {
            Issue.record("the transaction gave up")
            return
        }
        #expect(consumer.steps == ["finish"])
        #expect(Batch().isEmpty)
    }

    private func key(_ version: Int) throws -> EventKey {
        EventKey(
            aggregate: try Sample.aggregate(), version: try Sample.version(version), eventID: try EventID("e\(version)")
        )
    }

    @Test("Malformed messages are saved first, each once, and are acknowledged")
    func malformed() throws {
        var consumer = try SampleConsumer()
        let batch = Batch(
            arrivals: [try Sample.arrival(1)], malformed: [Sample.malformed(ticket: 2), Sample.malformed(ticket: 3)])
        guard case .finished(let report) = consumer.run(batch, mode: .fast) else {
            Issue.record("the transaction gave up")
            return
        }
        #expect(
            consumer.steps
                == [
                    "saveDeadLetter", "saveDeadLetter", "readWatermarks", "claim", "apply", "writeWatermarks", "finish",
                ])
        #expect(consumer.saved.map(\.reason) == [.malformed, .malformed])
        #expect(Set(consumer.saved.map(\.id)).count == 2)
        #expect(report.acknowledged(of: batch).map(\.number) == [1, 2, 3])
    }

    @Test("Everything that may write is claimed, in byte order, rows to come included")
    func claims() throws {
        var transaction = BatchTransaction(
            Batch(
                arrivals: [
                    try Sample.arrival(1, of: "b"), try Sample.arrival(1, of: "a", ticket: 2),
                    try Sample.arrival(4, of: "c"),
                ], wakes: [try Sample.aggregate("d"), try Sample.aggregate("a")]),
            mode: .fast, rules: try Sample.rules(), knownParked: 0)
        let read = transaction.advance(.begun(at: Sample.now, random: 1))
        #expect(read == .readWatermarks(try ["a", "b", "c", "d"].map { try Sample.aggregate($0) }))
        guard
            case .claim(let claims) = transaction.advance(
                .watermarks([nil, nil, try Sample.watermark(4, of: "c"), nil]))
        else {
            Issue.record("nothing is claimed")
            return
        }
        #expect(claims.map(\.aggregate.id.text) == ["a", "b", "d"], "what is stale needs no claim")
        #expect(claims.allSatisfy { !$0.exists })
    }

    @Test("A fork at the watermark needs a claim, and so does an earlier copy of the applied event")
    func claimsForForks() throws {
        let fork = try SampleRun(try Sample.watermark(4), [try Sample.arrival(4, event: "x")])
        #expect(fork.steps.contains("claim"))
        let copy = try SampleRun(try Sample.watermark(4), [try Sample.arrival(4, sequence: 2)])
        #expect(copy.steps.contains("claim"), "what an earlier copy shows has to be written down")
    }

    @Test("A lost claim drops its aggregate from the batch, and the rest of the batch goes on")
    func lostClaim() throws {
        var consumer = try SampleConsumer()
        consumer.claimedElsewhere = [try Sample.aggregate("b")]
        let batch = Batch(arrivals: try ["a", "b", "c"].map { try Sample.arrival(1, of: $0) })
        guard case .finished(let report) = consumer.run(batch, mode: .fast) else {
            Issue.record("the transaction gave up")
            return
        }
        #expect(report.dispositions == [.applied, .lost, .applied])
        #expect(report.conflicts == 1)
        consumer.claimedElsewhere = try Set(["a", "b", "c"].map { try Sample.aggregate($0) })
        _ = consumer.run(Batch(arrivals: [try Sample.arrival(2, of: "a")]), mode: .fast)
        #expect(
            consumer.steps.suffix(3) == ["readWatermarks", "claim", "finish"], "with nothing won nothing is written")
    }

    @Test("Dead letters are read before anything is applied only when one can matter")
    func readsDeadLetters() throws {
        func isRead(_ watermark: Watermark, _ arrivals: [Arrival]) throws -> Bool {
            let run = try SampleRun(watermark, arrivals, isWake: true)
            let claim = try #require(run.steps.firstIndex(of: "claim"))
            return run.steps[claim + 1] == "readDeadLetters"
        }
        let (same, other) = (try Sample.arrival(2), try Sample.arrival(2, event: "other", ticket: 9))
        let later = try Sample.arrival(3, event: "other")
        #expect(try !isRead(try Sample.watermark(2), []))
        #expect(try !isRead(try Sample.watermark(2), [same, later]))
        #expect(try isRead(try Sample.watermark(2), [same, other]))
        #expect(try isRead(try Sample.watermark(2, status: .quarantined), []))
    }

    @Test("An input that no step has asked for is a mistake of the caller, and traps")
    func mistakes() async {
        await #expect(processExitsWith: .failure) {
            var transaction = BatchTransaction(
                Batch(arrivals: [try Sample.arrival(1)]), mode: .fast, rules: try Sample.rules(), knownParked: 0)
            _ = transaction.advance(.begun(at: Sample.now, random: 1))
            _ = transaction.advance(.watermarks([nil]))
            _ = transaction.advance(.claimed([try Sample.watermark(0)]))
            _ = transaction.advance(.applied(hasStaged: false))
            _ = transaction.advance(.applied(hasStaged: false))
        }
        await #expect(processExitsWith: .failure) {
            var transaction = BatchTransaction(Batch(), mode: .fast, rules: try Sample.rules(), knownParked: 0)
            _ = transaction.advance(.begun(at: Sample.now, random: 1))
            _ = transaction.advance(.done)
        }
    }

    // MARK: - Failures

    @Test("In fast mode the first failure gives the transaction up, and blames its event")
    func fastFailure() throws {
        var consumer = try SampleConsumer(try Sample.watermark(0))
        consumer.failing = [2: no]
        let batch = Batch(arrivals: try [1, 2, 3].map { try Sample.arrival($0) })
        let end = consumer.run(batch, mode: .fast)
        #expect(end == .gaveUp(.handlerFailed(try key(2), no)))
        #expect(consumer.watermarks[try Sample.aggregate()]?.version == AggregateVersion.none)
    }

    @Test("An event that ends the transaction gives it up; blamed for it, it fails without being run again")
    func transactionLost() throws {
        var consumer = try SampleConsumer(try Sample.watermark(0))
        consumer.ending = [2]
        let batch = Batch(arrivals: try [1, 2, 3].map { try Sample.arrival($0) })
        let failure = HandlerFailure("ended")
        let end = consumer.run(batch)
        #expect(end == .gaveUp(.transactionLost(try key(2), failure)))
        guard
            case .finished(let report) = consumer.run(
                batch, mode: .careful(blamed: [try key(2): failure], until: .seconds(1)))
        else {
            Issue.record("the transaction gave up")
            return
        }
        #expect(report.dispositions == [.applied, .parked, .parked])
        #expect(consumer.rows.map(\.reason) == [.retry, .behindFailure])
        #expect(consumer.rows.first?.error == "ended")
    }

    @Test("A careful transaction drops the aggregates that there is no time for, like lost claims")
    func outOfTime() throws {
        var consumer = try SampleConsumer()
        consumer.times = [.seconds(1), .seconds(11), .seconds(12)]
        let batch = Batch(arrivals: try ["a", "b", "c"].map { try Sample.arrival(1, of: $0) })
        guard case .finished(let report) = consumer.run(batch) else {
            Issue.record("the transaction gave up")
            return
        }
        #expect(report.dispositions == [.applied, .lost, .lost])
        #expect(report.conflicts == 0)
        #expect(consumer.watermarks[try Sample.aggregate("b")]?.version == AggregateVersion.none)
        #expect(consumer.watermarks[try Sample.aggregate("b")]?.revision == 1, "only its revision has risen")
    }

    @Test("The last event whose handler was run is known after the end, for a failure at the commit")
    func lastEvent() throws {
        var transaction = BatchTransaction(
            Batch(arrivals: [try Sample.arrival(1)]), mode: .fast, rules: try Sample.rules(), knownParked: 0)
        #expect(transaction.lastEvent == nil)
        _ = transaction.advance(.begun(at: Sample.now, random: 1))
        _ = transaction.advance(.watermarks([nil]))
        _ = transaction.advance(.claimed([try Sample.watermark(0)]))
        _ = transaction.advance(.applied(hasStaged: true))
        guard case .finish(let report) = transaction.advance(.done) else {
            Issue.record("it has not finished")
            return
        }
        #expect(transaction.lastEvent == (try key(1)))
        #expect(report.hasStaged)
    }

    @Test("What is applied is counted by how it came")
    func counts() throws {
        let rows = [
            try Sample.row(3), try Sample.row(4, reason: .behindFailure),
            try Sample.row(5, reason: .newerRevision, due: 0), try Sample.row(6, reason: .retry, due: 0),
        ]
        let run = try SampleRun(
            try Sample.watermark(0, parked: 4, status: .gap),
            [try Sample.arrival(1), try Sample.arrival(2, origin: .repair)], rows: rows)
        #expect(run.report.appliedFromDelivery == 1)
        #expect(run.report.repaired == 1)
        #expect(run.report.drained == 2)
        #expect(run.report.retried == 2)
        #expect(run.report.applied == 6)
    }

    // MARK: - Limits

    @Test("A limit keeps the lowest versions, and gives back the others with all their copies", arguments: 0...4)
    func parkedLimit(count: Int) throws {
        var arrivals = try [3, 4, 5].map { try Sample.arrival($0) }
        arrivals.append(try Sample.arrival(5, sequence: 9, ticket: 6))
        let run = try SampleRun(try Sample.watermark(0), arrivals, rules: try Sample.rules(maxParked: count))
        let kept = min(count, 3)
        #expect(run.rows.map(\.version.number) == Array([3, 4, 5].prefix(kept)))
        let noRoom = Set(run.dispositions.filter { $0.value == .noRoom }.keys)
        #expect(noRoom == [Set([3, 4, 5, 6]), [4, 5, 6], [5, 6], [], []][count])
        #expect(run.watermark.parked == kept)
        #expect(run.report.reachedLimits.map(\.limit) == (count < 3 ? [count] : []))
    }

    @Test("The limit of all rows together counts what is parked elsewhere, and what the batch deletes")
    func totalLimit() throws {
        let rules = try Sample.rules(maxParkedTotal: 3)
        let full = try SampleRun(
            try Sample.watermark(0), try [3, 4].map { try Sample.arrival($0) }, rules: rules, knownParked: 2)
        #expect(full.rows.map(\.version.number) == [3])
        #expect(full.report.reachedLimits.map(\.aggregate) == [nil])
        let drained = try SampleRun(
            try Sample.watermark(0, parked: 1, status: .gap), try [1, 4, 5].map { try Sample.arrival($0) },
            rows: [try Sample.row(2)], rules: rules, knownParked: 2)
        #expect(drained.report.reachedLimits.isEmpty)
        #expect(drained.rows.map(\.version.number) == [4, 5])
    }

    @Test("A copy of what is parked already needs no room")
    func copyNeedsNoRoom() throws {
        let run = try SampleRun(
            try Sample.watermark(0, parked: 2, status: .gap), try [3, 4, 5, 6].map { try Sample.arrival($0) },
            rows: try [3, 5].map { try Sample.row($0) }, rules: try Sample.rules(maxParked: 2))
        #expect(run.dispositions == [3: .waiting, 4: .noRoom, 5: .waiting, 6: .noRoom])
        #expect(run.watermark.parked == 2)
    }

    @Test("What stands behind an event for which there is no room is no dead letter, and goes back with it")
    func forkBeyondTheLimit() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap),
            [
                try Sample.arrival(4, event: "fork", sequence: 4, ticket: 1),
                try Sample.arrival(4, sequence: 5, ticket: 2), try Sample.arrival(4, sequence: 5, ticket: 3),
            ], rows: [try Sample.row(9)], rules: try Sample.rules(maxParked: 1))
        #expect(run.dispositions == [1: .noRoom, 2: .noRoom, 3: .noRoom])
        #expect(run.failures.isEmpty)
        #expect(run.deadLetters.isEmpty)
        #expect(run.watermark.parked == 1)
    }

    @Test("A failing event is parked although there is no room, else its attempts would never be counted")
    func retryNeedsNoRoom() throws {
        let run = try SampleRun(
            try Sample.watermark(0), try [1, 2].map { try Sample.arrival($0) }, failing: [1: no],
            rules: try Sample.rules(maxParked: 0))
        #expect(run.rows.map(\.reason) == [.retry])
        #expect(run.dispositions == [1: .parked, 2: .noRoom])
    }

    @Test("A batch is applied by aggregate, then version, then stream sequence, then arrival")
    func order() throws {
        let ordered = [
            try Sample.arrival(2, of: "1", sequence: 9), try Sample.arrival(1, of: "2", sequence: 7),
            try Sample.arrival(1, of: "2", sequence: 8), try Sample.arrival(3, of: "2", sequence: 1),
        ]
        #expect(Batch(arrivals: ordered.reversed()).indices == [3, 2, 1, 0])
        #expect(Batch(arrivals: [ordered[2], ordered[2], ordered[1]]).indices == [2, 0, 1])
    }

    @Test("Aggregates are claimed in the order of their bytes, however long their ids are and whatever their types")
    func aggregateOrder() throws {
        var random = SeededGenerator(seed: 3)
        let parts = ["a", "b", "\u{e9}", "e\u{301}", "0123456789abcde", "0123456789abcdef", "~"]
        var aggregates: Set<Aggregate> = []
        for _ in 0..<200 {
            let id = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                parts[Int.random(in: parts.indices, using: &random)]
            }
            let type = ["product", "order", "p"][Int.random(in: 0..<3, using: &random)]
            aggregates.insert(Aggregate(type: try AggregateType(type), id: try AggregateID(id.joined())))
        }
        let arrivals = try aggregates.flatMap { aggregate in
            try [2, 1].map { number in
                var envelope = try Sample.arrival(number).envelope
                envelope.aggregate = aggregate
                return Arrival(
                    ticket: .init(number), origin: .delivery, envelope: envelope, message: WireMessage(subject: ""),
                    sequence: StreamSequence(1))
            }
        }
        var transaction = BatchTransaction(
            Batch(arrivals: arrivals), mode: .fast, rules: try Sample.rules(), knownParked: 0)
        let step = transaction.advance(.begun(at: Sample.now, random: 1))
        #expect(step == .readWatermarks(aggregates.sorted()))
        #expect(
            Batch(arrivals: arrivals).indices.map { arrivals[$0].version.number } == aggregates.flatMap { _ in [1, 2] })
    }

    @Test("A batch falls into units of one malformed message, one arrival or one wake, with the same indices")
    func units() throws {
        let batch = Batch(
            arrivals: [try Sample.arrival(2), try Sample.arrival(1), try Sample.arrival(1, of: "0")],
            malformed: [Sample.malformed(ticket: 9)], wakes: [try Sample.aggregate(), try Sample.aggregate("2")])
        #expect(batch.units.map(\.indices) == [[], [2], [1], [0], [], []])
        #expect(batch.units.map(\.malformedIndices) == [0..<1, 0..<0, 0..<0, 0..<0, 0..<0, 0..<0])
        #expect(batch.units.map(\.count) == [1, 1, 1, 1, 0, 0])
        #expect(batch.units.allSatisfy { !$0.isEmpty })
    }
}
