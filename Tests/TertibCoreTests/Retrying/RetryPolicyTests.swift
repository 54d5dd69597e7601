import Testing
import TertibCore

@Suite("Retries back off exponentially, with full jitter and a bound")
struct RetryPolicyTests {
    private let policy = RetryPolicy(maxAttempts: 8, initialDelay: .milliseconds(200), maxDelay: .seconds(60))

    @Test("The bound doubles with each attempt, up to the longest delay")
    func bounds() {
        #expect(policy.bound(beforeAttempt: 1) == .milliseconds(200))
        #expect(policy.bound(beforeAttempt: 2) == .milliseconds(200))
        #expect(policy.bound(beforeAttempt: 3) == .milliseconds(400))
        #expect(policy.bound(beforeAttempt: 5) == .milliseconds(1600))
        #expect(policy.bound(beforeAttempt: 1_000_000) == .seconds(60))
        #expect(RetryPolicy(initialDelay: .seconds(1), maxDelay: .seconds(4)).bound(beforeAttempt: 4) == .seconds(4))
    }

    @Test("The delay is the jitter's share of the bound")
    func jitter() {
        #expect(policy.delay(beforeAttempt: 3, jitter: 0) == .zero)
        #expect(policy.delay(beforeAttempt: 3, jitter: -3) == .zero)
        #expect(policy.delay(beforeAttempt: 3, jitter: 0.5) == .milliseconds(200))
        #expect(policy.delay(beforeAttempt: 3, jitter: 7) == .milliseconds(400))
    }

    @Test("One attempt and equal delays are a policy")
    func least() {
        let least = RetryPolicy(maxAttempts: 1, initialDelay: .seconds(1), maxDelay: .seconds(1))
        #expect(least.bound(beforeAttempt: 9) == .seconds(1))
    }

    @Test("What is no policy traps")
    func traps() async {
        await #expect(processExitsWith: .failure) { _ = RetryPolicy(maxAttempts: 0) }
        await #expect(processExitsWith: .failure) { _ = RetryPolicy(initialDelay: .zero) }
        await #expect(processExitsWith: .failure) { _ = RetryPolicy(initialDelay: .seconds(2), maxDelay: .seconds(1)) }
    }
}

@Suite("Waits grow while attempts fail")
struct BackoffTests {
    @Test("The bound doubles with each failure, and begins anew after a success")
    func bounds() {
        var backoff = Backoff(maxDelay: .seconds(1))
        for _ in 1...2 {
            for (failures, bound) in [(1, 250), (2, 500), (3, 1000), (4, 1000)] {
                #expect(backoff.failed() == .milliseconds(bound))
                #expect(backoff.failures == failures)
            }
            backoff.succeeded()
            #expect(backoff.failures == 0)
        }
    }

    @Test("A wait lies in the upper half of its bound")
    func wait() {
        for (jitter, wait) in [(0.0, 500), (0.5, 750), (1, 1000)] {
            #expect(Backoff.wait(upTo: .seconds(1), jitter: jitter) == .milliseconds(wait))
        }
    }
}
