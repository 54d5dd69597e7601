import TertibRuntime
import TertibCore

extension EventLogConformance {
    static var answerChecks: [Check] {
        [
            check("what is acknowledged is never delivered again, and the floor follows") { scene in
                let sequences = try await scene.publish("42", 1...3)
                let source = try await scene.subscribe(wait: .seconds(1))
                await source.answer(.acknowledge, to: try await LogScene.receive(3, from: source))
                try await LogScene.expectSilence(of: source, for: .milliseconds(2500), "no second delivery")
                let state = try Expect.some(try await scene.log.consumerState("tests"), "the consumer's state")
                try Expect.equal(state.acknowledgementPending, 0, "the unanswered deliveries")
                try Expect.equal(state.acknowledgedFloor, sequences[2], "the acknowledged floor")
                try Expect.equal(state.delivered, sequences[2], "the last sequence delivered")
                try Expect.equal(state.pending, 0, "the messages still to come")
                await source.close()
            },
            check("what is not answered is delivered again after the acknowledgement wait") { scene in
                try await scene.publish("42", 1...2)
                let source = try await scene.subscribe(wait: .seconds(1))
                let first = try await LogScene.receive(2, from: source)
                await source.answer(.acknowledge, to: [first[0]])
                let again = try await LogScene.receive(1, from: source)
                try Expect.equal(LogScene.numbers(again), [2], "the sequence delivered again")
                try Expect.equal(again[0].attempt, 2, "the attempt")
                try Expect.equal(again[0].message, first[1].message, "the message")
                let state = try await scene.log.consumerState("tests")
                try Expect.equal(state?.acknowledgedFloor, StreamSequence(1), "the acknowledged floor")
                try Expect.equal(state?.acknowledgementPending, 1, "the unanswered deliveries")
                await source.close()
            },
            check("what is negative-acknowledged comes at once") { scene in
                try await scene.publish("42", 1...1)
                let source = try await scene.subscribe()
                for attempt in 1...4 {
                    let received = try await LogScene.receive(1, from: source)
                    try Expect.equal(received[0].attempt, attempt, "the attempt")
                    await source.answer(.negativeAcknowledge(delay: .zero), to: received)
                }
                await source.close()
            },
            check("a delay holds a delivery back, and lets others pass") { scene in
                try await scene.publish("42", 1...1)
                let source = try await scene.subscribe()
                let first = try await LogScene.receive(1, from: source)
                await source.answer(.negativeAcknowledge(delay: .seconds(3)), to: first)
                try await scene.publish("43", 1...1)
                let received = try await LogScene.receive(2, from: source)
                try Expect.equal(LogScene.numbers(received), [2, 1], "the sequences in the order of arrival")
                try Expect.equal(received.map(\.attempt), [1, 2], "the attempts")
                await source.close()
            },
            check("saying in-progress restarts the acknowledgement wait") { scene in
                try await scene.publish("42", 1...1)
                let source = try await scene.subscribe(wait: .seconds(1))
                let first = try await LogScene.receive(1, from: source)
                let held = try await hold(first, of: source, wait: .seconds(1))
                let again = try await LogScene.receive(1, from: source)
                try Expect.that(
                    again[0].attempt == held[0].attempt + 1, "one more attempt, once nothing is said any more",
                    found: "attempt \(again[0].attempt) after \(held[0].attempt)")
                await source.close()
            },
            check("a late acknowledgement of the first delivery counts after the second") { scene in
                try await scene.publish("42", 1...1)
                let source = try await scene.subscribe(wait: .seconds(1))
                let first = try await LogScene.receive(1, from: source)
                _ = try await LogScene.receive(1, from: source)
                await source.answer(.acknowledge, to: first)
                try await LogScene.expectSilence(of: source, for: .milliseconds(2500), "no third delivery")
                await source.close()
            },
        ]
    }

    /// Says in-progress for more than two acknowledgement waits, and expects that nothing comes again meanwhile.
    ///
    /// Where this machine stalled for longer than the wait, the broker was right to deliver again: that is held then, from
    /// the beginning. A broker that does not heed what is said delivers again each time, so that the end is never reached.
    private static func hold(
        _ deliveries: [Delivery], of source: any DeliverySource, wait: Duration
    ) async throws -> [Delivery] {
        var held = deliveries
        var said = ContinuousClock.now
        var calmRounds = 0
        for _ in 1...60 where calmRounds < 6 {
            await source.answer(.inProgress, to: held)
            let lastSaid = said
            said = ContinuousClock.now
            let received = try await source.next(upTo: 1, waiting: wait * 0.35)
            calmRounds += 1
            guard !received.isEmpty else { continue }
            let silence = ContinuousClock.now - lastSaid
            try Expect.that(silence >= wait, "no second delivery", found: "one after \(silence)")
            held = received
            calmRounds = 0
        }
        try Expect.that(calmRounds == 6, "no second delivery", found: "one again and again")
        return held
    }
}
