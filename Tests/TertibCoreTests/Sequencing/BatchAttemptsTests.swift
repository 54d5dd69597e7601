import TertibCore
import Testing

@Suite("The attempts at one batch")
struct BatchAttemptsTests {
    /// What a database does with each transaction in turn.
    enum Fate {
        /// It commits, unless the machine gives up.
        case commits
        /// The commit is refused, after the handlers have run.
        case refused
        /// A conflict or an outage.
        case interrupted
    }

    /// How a batch of versions 1, 2, 3 of one aggregate ended.
    private struct End {
        var report: BatchReport?
        var transactions: Int
        var applied: [Int64]
        var rows: [ParkReason]
    }

    private func run(
        _ fates: [Fate], failing: [Int64] = [], ending: Set<Int64> = [], isCareful: Bool = false,
        times: [Duration] = [], ids: [String] = ["1"], versions: ClosedRange<Int> = 1...3
    ) throws -> End {
        var consumer = try SampleConsumer()
        for version in failing { consumer.failing[version] = HandlerFailure("no") }
        consumer.ending = ending
        let arrivals = try ids.flatMap { id in try versions.map { try Sample.arrival($0, of: id) } }
        var attempts = BatchAttempts(
            Batch(arrivals: arrivals), rules: try Sample.rules(), knownParked: 0, isCareful: isCareful)
        var input = BatchAttempts.Input.begin
        var transactions = 0
        while true {
            let time = transactions < times.count ? times[transactions] : .zero
            switch attempts.advance(input, at: time) {
            case .run(let transaction):
                let fate = transactions < fates.count ? fates[transactions] : .commits
                transactions += 1
                let before = consumer
                switch (consumer.run(transaction), fate) {
                case (.gaveUp(let failure), _): input = .gaveUp(failure)
                case (.finished(let report), .commits): input = .committed(report)
                case (.finished, .refused):
                    let event = consumer.applied.last == before.applied.last ? nil : consumer.applied.last
                    consumer = before
                    input = .refused(HandlerFailure("refused"), lastEvent: event)
                case (.finished, .interrupted):
                    consumer = before
                    input = .interrupted(reason: "away")
                }
            case .finish(let report):
                return End(
                    report: report, transactions: transactions, applied: consumer.applied.map(\.version.number),
                    rows: consumer.rows.map(\.reason))
            case .fail:
                return End(
                    report: nil, transactions: transactions, applied: consumer.applied.map(\.version.number),
                    rows: consumer.rows.map(\.reason))
            }
        }
    }

    @Test("One fast transaction is the rule, and a wake begins carefully")
    func first() throws {
        for isCareful in [false, true] {
            let end = try run([], isCareful: isCareful)
            #expect(end.transactions == 1)
            #expect(end.report?.dispositions == [.applied, .applied, .applied])
        }
    }

    @Test("After a failure of a handler, or a commit that is refused, the whole batch is run carefully")
    func careful() throws {
        let failed = try run([], failing: [2])
        #expect(failed.transactions == 2)
        #expect(failed.report?.dispositions == [.applied, .parked, .parked])
        #expect(failed.rows == [.retry, .behindFailure])
        #expect(try run([.refused]).report?.dispositions == [.applied, .applied, .applied])
    }

    @Test("A conflict or an outage fails the batch, in the first attempt as in a careful one", arguments: [0, 1])
    func interrupted(attempt: Int) throws {
        let end = try run([Fate](repeating: .refused, count: attempt) + [.interrupted])
        #expect(end.report == nil)
        #expect(end.transactions == attempt + 1)
        #expect(end.applied.isEmpty)
    }

    @Test("An event that ends the transaction is blamed, and the batch is run without it")
    func transactionLost() throws {
        let end = try run([], ending: [2], isCareful: true)
        #expect(end.transactions == 2)
        #expect(end.report?.dispositions == [.applied, .parked, .parked])
        #expect(end.rows == [.retry, .behindFailure])
    }

    @Test("A second one leads to a transaction for each event")
    func transactionLostAgain() throws {
        let end = try run([], ending: [2], isCareful: true, ids: ["1", "2"], versions: 1...2)
        #expect(end.report?.dispositions == [.applied, .parked, .applied, .parked])
        #expect(end.transactions == 2 + 2 + 4, "twice the whole, each event, and those that fail once more")
        #expect(end.report?.failures.count == 2)
    }

    @Test(
        "A commit that is refused again leads to a transaction for each event, and the event whose is refused is blamed"
    )
    func oneByOne() throws {
        let end = try run([.refused, .refused, .commits, .refused])
        #expect(end.report?.dispositions == [.applied, .parked, .parked])
        #expect(end.transactions == 6)
        #expect(end.report?.failures.map(\.error) == ["refused"])
        #expect(end.rows == [.retry, .behindFailure])
    }

    @Test("An event that can be neither applied nor set aside is given back, and the others go on")
    func givenBack() throws {
        let end = try run([.refused, .refused, .refused, .refused], ids: ["1", "2"], versions: 1...1)
        #expect(end.report?.dispositions == [.lost, .applied])
        #expect(end.report?.givenBack == ["refused"])
    }

    @Test("An outage gives back what is left, once something has committed, and fails the batch before")
    func outage() throws {
        let after = try run([.refused, .refused, .commits, .interrupted])
        #expect(after.report?.dispositions == [.applied, .lost, .lost])
        #expect(after.report?.givenBack == ["away"])
        #expect(after.applied == [1])
        #expect(try run([.refused, .refused, .interrupted]).report == nil)
    }

    @Test("After half of the acknowledgement wait what is left is given back")
    func deadline() throws {
        // The time is read before each transaction: the second one is the first careful one.
        let times: [Duration] = [.zero, .seconds(100), .seconds(101), .seconds(115), .seconds(116)]
        let end = try run([.refused, .refused], times: times)
        #expect(end.report?.dispositions == [.applied, .applied, .lost])
        #expect(end.report?.acknowledged(of: Batch(arrivals: try [1, 2, 3].map { try Sample.arrival($0) })).count == 2)
    }
}
