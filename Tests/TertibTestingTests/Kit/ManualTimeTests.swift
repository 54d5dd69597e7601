import Testing
import TertibCore
import TertibTesting

@Suite("Manual time")
struct ManualTimeTests {
    let time = ManualTime()

    @Test("both clocks stand still until they are moved")
    func clocks() {
        let wall = time.wall
        #expect(time.monotonic == .zero)
        time.advance(by: .milliseconds(1500))
        #expect(time.monotonic == .milliseconds(1500))
        #expect(time.wall == wall.advanced(by: .milliseconds(1500)))
        time.jumpWall(by: .seconds(-3600))
        #expect(time.monotonic == .milliseconds(1500))
        #expect(time.wall == wall.advanced(by: .milliseconds(-3_598_500)))
    }

    @Test("a sleeper wakes at its deadline, and not before")
    func wakes() async throws {
        let woken = Gate()
        async let sleeping: Void = sleep(.seconds(10), then: woken)
        try await time.waitForSleepers()
        time.advance(by: .milliseconds(9999))
        #expect(time.sleepers == 1)
        #expect(!woken.isOpen)
        time.advance(by: .milliseconds(1))
        #expect(time.sleepers == 0)
        try await sleeping
        #expect(woken.isOpen)
    }

    @Test("one advance stops at each deadline in turn")
    func order() async throws {
        let deadlines = Log<Duration>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seconds in [3, 1, 2] { group.addTask { try await time.sleep(for: .seconds(seconds)) } }
            try await time.waitForSleepers(3)
            while let step = time.advanceToNextDeadline() { deadlines.append(step) }
            try await group.waitForAll()
        }
        #expect(deadlines.values == [.seconds(1), .seconds(1), .seconds(1)])
        #expect(time.monotonic == .seconds(3))
    }

    @Test("cancelling ends a sleep at once")
    func cancelling() async throws {
        let task = Task { try await time.sleep(for: .seconds(1)) }  // the test itself cancels it
        try await time.waitForSleepers()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(time.sleepers == 0)
    }

    @Test("a sleep of no time does not sleep")
    func zero() async throws {
        try await time.sleep(for: .zero)
        #expect(time.sleepers == 0)
    }

    @Test("waiting for sleepers that never come says so")
    func missing() async throws {
        let failure = await #expect(throws: EventuallyError.self) {
            try await time.waitForSleepers(2, within: .milliseconds(20))
        }
        #expect(failure?.description.contains("2 sleepers") == true)
    }

    private func sleep(_ duration: Duration, then gate: Gate) async throws {
        try await time.sleep(for: duration)
        gate.open()
    }
}
