import Testing

@testable import TertibJetStream

@Suite("What the pull loop asks for")
struct PullMachineTests {
    private static let heartbeat = Duration.seconds(5)

    private func machine(messages: Int = 100, bytes: Int = 1_000_000, request: Int = .max) -> PullMachine {
        var machine = PullMachine(
            PullMachine.Limits(
                messages: messages, bytes: bytes, requestMessages: request, heartbeat: Self.heartbeat))
        machine.begin(largestMessage: 1000)
        return machine
    }

    @Test("two requests are open, and together they are the limit")
    func twoRequests() {
        var machine = machine()
        let requests = machine.requests(now: .zero)
        #expect(requests.map(\.messages) == [50, 50])
        #expect(requests.map(\.bytes) == [500_000, 500_000])
        #expect(Set(requests.map(\.token)).count == 2)
        let third = machine.requests(now: .zero)
        #expect(third.isEmpty)
    }

    @Test("a filled request is replaced once there is room for half of another one")
    func refill() {
        var machine = machine()
        _ = machine.requests(now: .zero)
        for _ in 0..<50 { machine.arrived(slot: 0, size: 10, now: .zero) }
        let whileFull = machine.requests(now: .zero)
        #expect(whileFull.isEmpty, "what waits to be taken takes up the room")
        machine.took(messages: 10, bytes: 100)
        let afterTen = machine.requests(now: .zero)
        #expect(afterTen.isEmpty, "a tenth of a request is not worth one")
        machine.took(messages: 20, bytes: 200)
        let afterThirty = machine.requests(now: .zero)
        #expect(afterThirty.map(\.messages) == [30])
    }

    @Test("never more than the limit is asked for and in hand, whatever happens")
    func bound() {
        var generator = SystemRandomNumberGenerator()
        for limit in [1, 2, 3, 7, 100] {
            var machine = machine(messages: limit, bytes: 50_000)
            var open: [Int: (token: UInt64, messages: Int)] = [:]
            var buffered: [Int] = []
            var now = Duration.zero
            for _ in 0..<2000 {
                now += .milliseconds(10)
                for request in machine.requests(now: now) {
                    #expect(open[request.slot] == nil)
                    #expect(request.messages >= 1)
                    open[request.slot] = (request.token, request.messages)
                }
                let asked = open.values.reduce(0) { $0 + $1.messages }
                #expect(asked + buffered.count <= limit)
                if let slot = open.keys.randomElement(using: &generator), let request = open[slot] {
                    if Bool.random(using: &generator) {
                        machine.arrived(slot: slot, size: 100, now: now)
                        buffered.append(100)
                        open[slot] = request.messages > 1 ? (request.token, request.messages - 1) : nil
                    } else if Int.random(in: 0..<10, using: &generator) == 0 {
                        machine.heard(.ended, slot: slot, token: request.token, now: now)
                        open[slot] = nil
                    }
                }
                if Bool.random(using: &generator), !buffered.isEmpty {
                    let count = Int.random(in: 1...buffered.count, using: &generator)
                    machine.took(messages: count, bytes: 100 * count)
                    buffered.removeFirst(count)
                }
            }
        }
    }

    @Test("a status of an old request means nothing")
    func oldStatus() throws {
        var machine = machine()
        let one = machine.requests(now: .zero).first
        let first = try #require(one)
        machine.heard(.ended, slot: 0, token: first.token, now: .zero)
        let two = machine.requests(now: .zero).first
        let second = try #require(two)
        machine.heard(.ended, slot: 0, token: first.token, now: .zero)
        let whileOpen = machine.requests(now: .zero)
        #expect(whileOpen.isEmpty)
        machine.heard(.ended, slot: 0, token: second.token, now: .zero)
        let afterItsEnd = machine.requests(now: .zero)
        #expect(afterItsEnd.count == 1)
    }

    @Test("a request that is silent for two heartbeats is given up, one that is heard is not")
    func silence() {
        var machine = machine()
        let requests = machine.requests(now: .zero)
        machine.heard(.heartbeat, slot: 0, token: requests[0].token, now: .seconds(8))
        let isSilentAtTen = machine.hasGoneSilent(now: .seconds(10))
        let isSilentAtEleven = machine.hasGoneSilent(now: .seconds(11))
        #expect(!isSilentAtTen)
        #expect(isSilentAtEleven)
        let next = machine.requests(now: .seconds(11))
        #expect(next.map(\.slot) == [1])
    }

    @Test("a rejected request is not repeated at once, and later each time")
    func rejection() throws {
        var machine = machine()
        var now = Duration.zero
        var waits: [Duration] = []
        for _ in 0..<8 {
            var request = machine.requests(now: now).first
            let start = now
            while request == nil {
                now += .milliseconds(10)
                request = machine.requests(now: now).first
            }
            waits.append(now - start)
            let rejected = try #require(request)
            machine.heard(.rejected("409 Exceeded MaxWaiting"), slot: rejected.slot, token: rejected.token, now: now)
        }
        #expect(waits.first == .zero)
        #expect(waits.dropFirst().allSatisfy { $0 >= .milliseconds(200) && $0 <= .seconds(6) })
        #expect(waits == waits.sorted())
    }

    @Test("a message larger than the request's bytes makes the next request larger")
    func oversized() throws {
        var machine = machine(messages: 10, bytes: 500)
        let one = machine.requests(now: .zero).first
        let first = try #require(one)
        #expect(first.bytes == 1000, "the largest message of the server fits, whatever the limit")
        machine.heard(.tooFewBytes, slot: first.slot, token: first.token, now: .zero)
        let two = machine.requests(now: .zero).first
        let second = try #require(two)
        #expect(second.bytes == 2000)
    }

    @Test("a consumer's own limit bounds a request")
    func requestLimit() {
        var machine = machine(request: 20)
        let requests = machine.requests(now: .zero)
        #expect(requests.map(\.messages) == [20, 20])
    }

    @Test("nothing is asked for after the end, and anew after another beginning")
    func endAndBegin() {
        var machine = machine()
        _ = machine.requests(now: .zero)
        machine.end()
        let afterTheEnd = machine.requests(now: .zero)
        #expect(afterTheEnd.isEmpty)
        machine.begin(largestMessage: 1000)
        let afterABeginning = machine.requests(now: .zero)
        #expect(afterABeginning.count == 2)
    }
}
