import TertibCore
import TertibTesting
import Testing

@testable import TertibRuntime

@Suite("Reading what a gap misses")
struct GapReaderTests {
    /// How many reads it takes to look for version 1 behind two hundred others.
    private func reads(cancelled: Bool) async throws -> Int {
        let world = try World()
        try world.publish(2...201)
        let lowest = try Make.envelope(2)
        let gap = Gap(
            aggregate: lowest.aggregate, watermark: .none, watermarkSequence: .none, lowestParked: lowest.version,
            lowestStored: [],
            oldestParkedAt: Timestamp(microseconds: 0))
        let reader = GapReader(
            log: world.log, codec: WireCodec(namespace: try Namespace(Make.namespace)), gap: gap, maySearch: true,
            time: SystemTime(), end: .seconds(1 << 40))
        return try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                if cancelled { withUnsafeCurrentTask { $0?.cancel() } }
                var trace = GapTrace(gap)
                var budget = 1000
                _ = try await reader.read(&trace, limit: 10, budget: &budget)
                return 1000 - budget
            }
            return try await group.next() ?? 0
        }
    }

    @Test("goes through the whole subject, and not on when the replica is asked to stop")
    func stops() async throws {
        #expect(try await reads(cancelled: false) == 201)
        #expect(try await reads(cancelled: true) == 0)
    }

    @Test("begins behind the watermark's message, and looks at what lies before it last")
    func order() async throws {
        let world = try World()
        try world.publish(101...200)  // at the sequences 1 to 100
        try world.publish(1...100)
        let gap = Gap(
            aggregate: try Make.aggregate(), watermark: try Make.version(90),
            watermarkSequence: StreamSequence(190), lowestParked: try Make.version(110), lowestStored: [],
            oldestParkedAt: Timestamp(microseconds: 0))
        let reader = GapReader(
            log: world.log, codec: try Make.codec(), gap: gap, maySearch: true, time: SystemTime(),
            end: .seconds(1 << 40))
        var trace = GapTrace(gap)
        var budget = 1000
        let ahead = try await reader.read(&trace, limit: 1, budget: &budget)
        #expect(ahead.map(\.sequence.number) == [191])
        #expect(1000 - budget == 2, "one read finds the place, one reads the message")

        let later = Gap(
            aggregate: gap.aggregate, watermark: try Make.version(100), watermarkSequence: StreamSequence(200),
            lowestParked: gap.lowestParked, lowestStored: [], oldestParkedAt: gap.oldestParkedAt)
        let hasMoved = trace.follow(later)
        #expect(hasMoved)
        let next = GapReader(
            log: world.log, codec: try Make.codec(), gap: later, maySearch: true, time: SystemTime(),
            end: .seconds(1 << 40))
        #expect(try await next.read(&trace, limit: 1, budget: &budget).map(\.sequence.number) == [1])
        #expect(1000 - budget == 5, "the subject's end behind the watermark, then its beginning")
    }

    @Test("reads on through what is parked when there is no room for more, so that one read closes many holes")
    func crowded() async throws {
        let world = try World()
        try world.publish(1...100)
        let gap = Gap(
            aggregate: try Make.aggregate(), watermark: try Make.version(10), watermarkSequence: StreamSequence(10),
            lowestParked: try Make.version(12), lowestStored: [], oldestParkedAt: Timestamp(microseconds: 0))
        for (isCrowded, expected) in [(false, [11]), (true, [UInt64](11...50))] {
            let reader = GapReader(
                log: world.log, codec: try Make.codec(), gap: gap, maySearch: true, isCrowded: isCrowded,
                time: SystemTime(), end: .seconds(1 << 40))
            var trace = GapTrace(gap)
            var budget = 1000
            #expect(try await reader.read(&trace, limit: 40, budget: &budget).map(\.sequence.number) == expected)
        }
    }

    @Test("is over when neither way has the version, and reads everything again when asked to")
    func exhausted() async throws {
        let world = try World()
        try world.publish(101...110)
        let gap = Gap(
            aggregate: try Make.aggregate(), watermark: try Make.version(90), watermarkSequence: StreamSequence(5),
            lowestParked: try Make.version(101), lowestStored: [], oldestParkedAt: Timestamp(microseconds: 0))
        let reader = GapReader(
            log: world.log, codec: try Make.codec(), gap: gap, maySearch: true, time: SystemTime(),
            end: .seconds(1 << 40))
        var trace = GapTrace(gap)
        for round in 1...2 {
            var budget = 1000
            #expect(try await reader.read(&trace, limit: 10, budget: &budget).isEmpty)
            #expect(trace.isExhausted)
            #expect(1000 - budget == 11, "round \(round): each message once, and the subject's end")
            trace.startAgain()
        }
    }

    @Test("ends with the time of a sweep, by the monotonic clock, and goes on from there in the next one")
    func ends() async throws {
        let world = try World()
        try world.publish(2...201)
        let lowest = try Make.envelope(2)
        let gap = Gap(
            aggregate: lowest.aggregate, watermark: .none, watermarkSequence: .none, lowestParked: lowest.version,
            lowestStored: [],
            oldestParkedAt: Timestamp(microseconds: 0))
        let time = ManualTime()
        let log = SlowLog(world.log, read: .milliseconds(100), time: time)
        var trace = GapTrace(gap)
        var budget = 1000
        for sweep in 1...2 {
            let reader = GapReader(
                log: log, codec: try Make.codec(), gap: gap, maySearch: true, time: time,
                end: time.monotonic + Repair.sweepTime)
            #expect(try await reader.read(&trace, limit: 10, budget: &budget).isEmpty)
            #expect(1000 - budget == sweep * 20)
            #expect(!trace.isExhausted)
        }
    }
}

/// A log of which every search takes its time.
private struct SlowLog: EventLog {
    private let inner: MemoryLog
    private let read: Duration
    private let time: ManualTime

    init(_ inner: MemoryLog, read: Duration, time: ManualTime) {
        (self.inner, self.read, self.time) = (inner, read, time)
    }

    func state() async throws(EventLogError) -> StreamState { try await inner.state() }

    func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        await inner.publish(message, expecting: expectation)
    }

    func message(at sequence: StreamSequence, from source: ReadSource) async throws(EventLogError) -> LoggedMessage? {
        try await inner.message(at: sequence, from: source)
    }

    func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        time.advance(by: read)
        return try await inner.firstMessage(on: subject, from: sequence, source: source)
    }

    func lastMessage(on subject: String, from source: ReadSource) async throws(EventLogError) -> LoggedMessage? {
        try await inner.lastMessage(on: subject, from: source)
    }

    func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        try await inner.subscribe(subscription)
    }

    func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? {
        try await inner.consumerState(name)
    }

    func close() async { await inner.close() }
}
