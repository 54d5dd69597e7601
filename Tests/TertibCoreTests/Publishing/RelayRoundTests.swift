import Testing

@testable import TertibCore

@Suite("A relay's round claims, publishes and marks")
struct RelayRoundTests {
    private let claim: OutboxClaim
    private let codec: WireCodec

    init() throws {
        claim = OutboxClaim(row: try Publishing.row(1), head: try Publishing.head(0, at: 0, staged: 2))
        codec = try Publishing.codec()
    }

    private func steps(_ inputs: RelayRound.Input...) -> [RelayRound.Step] {
        var round = RelayRound(inFlight: 7, codec: codec)
        return [round.begin()] + inputs.map { round.next($0) }
    }

    private var claiming: RelayRound.Step { .claim(limit: 7, lease: .seconds(5)) }

    @Test("Without rows, or where other relays have them all, there is nothing to do")
    func nothing() {
        #expect(steps(.counted(0)) == [.count, .finished(published: 0)])
        #expect(steps(.counted(3), .claimed([])) == [.count, claiming, .finished(published: 0)])
    }

    @Test("Where every row is claimed, no further rows are read")
    func all() throws {
        let mark = RelayMark.published(claim.row, at: StreamSequence(9))
        #expect(
            steps(.counted(1), .claimed([claim]), .ran([mark], isFailing: false), .marked) == [
                .count, claiming, .publish([RelayRun(claim, codec: codec)]), .mark([mark]), .finished(published: 1),
            ])
    }

    @Test("Where there are more rows, those behind the claimed ones are published in the same round")
    func more() throws {
        let second = try Publishing.row(2)
        let rows = [claim.row.aggregate: [claim.row, second]]
        #expect(
            steps(.counted(2), .claimed([claim]), .rows(rows)) == [
                .count, claiming, .readRows(of: [claim.row.aggregate], limit: RelayRun.limit),
                .publish([RelayRun(claim, following: [second], codec: codec)]),
            ])
    }

    @Test("A round that has published nothing because its runs failed has failed, after its rows are released")
    func failed() {
        let later = RelayMark.later(claim.row, after: .seconds(1))
        let published = RelayMark.published(claim.row, at: StreamSequence(9))
        #expect(
            steps(.counted(1), .claimed([claim]), .ran([later], isFailing: true), .marked).suffix(2) == [
                .mark([later]), .failed,
            ])
        #expect(
            steps(.counted(1), .claimed([claim]), .ran([later], isFailing: false), .marked).last
                == .finished(published: 0))
        #expect(
            steps(.counted(1), .claimed([claim]), .ran([published, later], isFailing: true), .marked).last
                == .finished(published: 1))
        #expect(steps(.counted(1), .claimed([claim]), .ran([], isFailing: true)).last == .failed)
    }
}

@Suite("The relay's loop waits, cleans and reports")
struct RelayLoopTests {
    private func steps(_ inputs: RelayLoop.Input..., now: Duration = .zero) -> [RelayLoop.Step] {
        var loop = RelayLoop(pollInterval: .milliseconds(400))
        return [loop.begin()] + inputs.map { loop.next($0, now: now) }
    }

    private let poll = RelayLoop.Step.wait(atLeast: .milliseconds(200), atMost: .milliseconds(600))

    @Test("After a round that has published the next one begins at once; else it waits")
    func waits() {
        #expect(steps(.published(3), .published(0), .waited) == [.round, .round, poll, .round])
    }

    @Test("Every ten seconds old rows are deleted, one bounded transaction after the other")
    func cleans() {
        #expect(
            steps(.published(1), .deleted(5000), .deleted(4999), now: .seconds(11)) == [
                .round, .clean(limit: 5000), .clean(limit: 5000), .round,
            ])
        #expect(
            steps(.published(0), .deleted(0), .waited, .published(0), now: .seconds(11)) == [
                .round, .clean(limit: 5000), poll, .round, poll,
            ])
    }

    @Test("The first failure and the recovery are reported, and the waits grow up to five seconds")
    func failures() {
        var loop = RelayLoop(pollInterval: .milliseconds(400))
        #expect(loop.next(.failed("it is away"), now: .zero) == .reportOutage("it is away"))
        var bounds: [Duration] = []
        var step = loop.next(.reported, now: .zero)
        while bounds.count < 7, case .wait(let least, let most) = step {
            #expect(least == most / 2)
            bounds.append(most)
            #expect(loop.next(.waited, now: .zero) == .round)
            step = loop.next(.failed("it is away"), now: .zero)
        }
        #expect(bounds == [250, 500, 1000, 2000, 4000, 5000, 5000].map { .milliseconds($0) })
        #expect(loop.next(.published(0), now: .zero) == .reportRecovery)
        #expect(loop.next(.reported, now: .zero) == poll)
        #expect(loop.next(.failed("again"), now: .zero) == .reportOutage("again"))
    }

    @Test("A deletion that fails counts as a failure")
    func failingDeletion() {
        #expect(steps(.published(1), .failed("busy"), now: .seconds(11)).last == .reportOutage("busy"))
    }
}
