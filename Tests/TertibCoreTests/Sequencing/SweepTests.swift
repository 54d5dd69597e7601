import TertibCore
import Testing

@Suite("A sweep")
struct SweepTests {
    private let settings: ConsumerSettings
    private let aggregate: Aggregate
    private let now = Timestamp(microseconds: 50 * 365 * 86_400 * 1_000_000)

    init() throws {
        settings = ConsumerSettings(name: try ConsumerName("orders"), gapHold: .milliseconds(50))
        aggregate = try Sample.aggregate()
    }

    /// What a sweep finds when version 3 was parked `age` ago and 1 and 2 are missing.
    private func gaps(age: Duration) throws -> [Aggregate] {
        var transaction = SweepTransaction(settings: settings, gapLimit: 64)
        let gap = Gap(
            aggregate: aggregate, watermark: .none, watermarkSequence: .none, lowestParked: try Sample.version(3),
            lowestStored: [], oldestParkedAt: now.advanced(by: .zero - age))
        _ = transaction.advance(.begun(at: now))
        _ = transaction.advance(.parkedCount(1))
        _ = transaction.advance(.aggregates([]))
        guard case .readGaps(let limit, _) = transaction.advance(.aggregates([])) else { return [] }
        #expect(gap.oldestParkedAt < limit, "the store gives it back")
        guard case .finish(let findings) = transaction.advance(.gaps([gap])) else { return [] }
        return findings.gaps.map(\.aggregate)
    }

    @Test("A gap past its hold is repaired, a fresh one is not")
    func hold() throws {
        #expect(try gaps(age: .milliseconds(51)) == [aggregate])
        #expect(try gaps(age: .milliseconds(49)) == [])
    }

    @Test(
        "A gap that was parked by a clock that ran ahead is repaired at once, not when the clock comes there",
        arguments: [Duration.seconds(1), .seconds(3600), .seconds(10 * 365 * 86_400)])
    func fromTheFuture(ahead: Duration) throws {
        #expect(try gaps(age: .zero - ahead) == [aggregate])
    }

    @Test(
        "It reads leftover drains, due retries and gaps, and wakes the first two; without parked rows it reads nothing")
    func findings() throws {
        var transaction = SweepTransaction(settings: settings, gapLimit: 70)
        let steps = [
            transaction.advance(.begun(at: now)), transaction.advance(.parkedCount(5)),
            transaction.advance(.aggregates([aggregate])),
        ]
        #expect(
            steps == [
                .countParked, .readLeftoverDrains(limit: 64),
                .readDueRetries(now: now, maxDelay: settings.retry.maxDelay, limit: 64),
            ])
        let other = try Sample.aggregate("2")
        guard case .readGaps(_, limit: 70) = transaction.advance(.aggregates([other])),
            case .finish(let findings) = transaction.advance(.gaps([]))
        else {
            Issue.record("it does not read the gaps")
            return
        }
        #expect(findings.wakes == [aggregate, other])
        #expect(findings.parked == 5)
        #expect(findings.now == now)
        var nothing = SweepTransaction(settings: settings, gapLimit: 70)
        _ = nothing.advance(.begun(at: now))
        guard case .finish(let findings) = nothing.advance(.parkedCount(0)) else {
            Issue.record("it goes on")
            return
        }
        #expect(findings.wakes.isEmpty && findings.gaps.isEmpty)
    }

    @Test("It begins when it is requested, then until five in a row had nothing to do, then once a second")
    func pace() {
        var pacer = SweepPacer()
        /// How many sweeps begin in two seconds of moments at which one may begin.
        func sweeps(from start: Int, _ outcome: SweepPacer.Outcome, isRequested: Bool) -> Int {
            (0..<10).count { moment in
                let begins = pacer.begins(
                    isRequested: isRequested && moment == 0, at: .milliseconds(start + 200 * moment))
                if begins { pacer.ended(outcome) }
                return begins
            }
        }
        #expect(sweeps(from: 10_000, .waiting, isRequested: true) == 6, "five in a row, and one a second later")
        #expect(sweeps(from: 20_000, .progress, isRequested: true) == 10)
        #expect(sweeps(from: 30_000, .nothingParked, isRequested: false) == 2)
        #expect(sweeps(from: 40_000, .nothingParked, isRequested: true) == 2)
        for (jitter, pause) in [(0.0, 100), (0.5, 200), (1, 300)] {
            #expect(SweepPacer.pause(jitter: jitter) == .milliseconds(pause))
        }
    }
}
