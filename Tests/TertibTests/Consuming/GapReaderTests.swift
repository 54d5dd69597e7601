import TertibCore
import TertibTesting
import Testing

@testable import Tertib

@Suite("Reading what a gap misses")
struct GapReaderTests {
    /// How many reads it takes to look for version 1 behind two hundred others.
    private func reads(cancelled: Bool) async throws -> Int {
        let world = try World()
        try world.publish(2...201)
        let lowest = try Make.envelope(2)
        let gap = Gap(
            aggregate: lowest.aggregate, watermark: .none, lowestParked: lowest.version, lowestStored: [],
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

    @Test("ends with the time of a sweep, by the monotonic clock, and goes on from there in the next one")
    func ends() async throws {
        let world = try World()
        try world.publish(2...201)
        let lowest = try Make.envelope(2)
        let gap = Gap(
            aggregate: lowest.aggregate, watermark: .none, lowestParked: lowest.version, lowestStored: [],
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
