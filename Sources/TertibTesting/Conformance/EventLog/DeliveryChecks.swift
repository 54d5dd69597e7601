import TertibCore
import TertibRuntime

extension EventLogConformance {
    static var deliveryChecks: [Check] {
        [
            check("what the stream has is delivered from its first message on, in order") { scene in
                let sequences = try await scene.publish("42", 1...5)
                let source = try await scene.subscribe()
                let received = try await source.receive(5)
                try Expect.equal(received.map(\.sequence), sequences, "the sequences")
                try Expect.equal(received.map(\.attempt), [1, 1, 1, 1, 1], "the attempts")
                try Expect.equal(received.map(\.pending), [4, 3, 2, 1, 0], "the messages still to come")
                for delivery in received {
                    let stored = try await scene.log.message(at: delivery.sequence, from: .leader)
                    try Expect.equal(delivery.message, stored?.message, "the message of \(delivery.sequence)")
                    try Expect.equal(delivery.storedAt, stored?.storedAt, "the stored time")
                }
            },
            check("a later publish wakes a receiver that waits") { scene in
                let source = try await scene.subscribe()
                async let received = source.receive(1)
                try await scene.publish("42", 1...1)
                try Expect.equal(try await received.first?.attempt, 1, "the attempt")
            },
            check("when nothing arrives the wait ends with nothing") { scene in
                let source = try await scene.subscribe()
                try await source.expectSilence(for: .milliseconds(200), "no delivery")
            },
            check("at most as many as asked for are handed over, and the rest comes next") { scene in
                try await scene.publish("42", 1...5)
                let source = try await scene.subscribe()
                var received: [Delivery] = []
                while received.count < 5 {
                    let next = try await source.next(upTo: 2, waiting: .seconds(20))
                    try Expect.that((1...2).contains(next.count), "one or two deliveries", found: "\(next.count)")
                    received += next
                }
                try Expect.equal(LogScene.numbers(received), [1, 2, 3, 4, 5], "the sequences")
            },
            check("cancelling ends a wait with nothing") { scene in
                let source = try await scene.subscribe()
                let received = try await withThrowingTaskGroup(of: [Delivery].self) { group in
                    group.addTask { try await source.next(upTo: 10, waiting: .seconds(600)) }
                    group.cancelAll()
                    return try await group.next()
                }
                try Expect.equal(received, [], "the deliveries of a cancelled wait")
                try await scene.publish("42", 1...1)
                _ = try await source.receive(1)
            },
            check("what is pulled ahead and given back when receiving is suspended adds up to all") { scene in
                try await scene.publish("42", 1...10)
                let source = try await scene.subscribe(pull: 10)
                let taken = try await source.receive(1)
                let given = await source.suspend()
                await source.answer(.negativeAcknowledge(delay: .zero), to: given)
                await source.answer(.acknowledge, to: taken)
                let rest = try await source.collect(9, within: .seconds(10))
                let all = rest.union(LogScene.numbers(taken))
                try Expect.equal(all, Set(1...10), "the sequences")
            },
            check("a large message is delivered however small the byte budget") { scene in
                var message = try scene.message("42", 1)
                message.body = Array(repeating: 0x20, count: 200_000)
                _ = try LogScene.stored(await scene.log.publish(message, expecting: .any))
                try await scene.publish("43", 1...3)
                var subscription = LogScene.subscription()
                subscription.byteLimit = 1024
                let source = try await scene.subscribe(subscription)
                let received = try await source.receive(4)
                try Expect.equal(LogScene.numbers(received), [1, 2, 3, 4], "the sequences")
            },
        ]
    }
}

extension EventLogConformance {
    static var answerChecks: [Check] {
        [
            check("what is acknowledged is never delivered again, and the floor follows") { scene in
                let sequences = try await scene.publish("42", 1...3)
                let source = try await scene.subscribe(wait: .seconds(1))
                await source.answer(.acknowledge, to: try await source.receive(3))
                try await source.expectSilence(for: .milliseconds(2500), "no second delivery")
                let state = try Expect.some(try await scene.log.consumerState("tests"), "the consumer's state")
                try Expect.equal(state.acknowledgementPending, 0, "the unanswered deliveries")
                try Expect.equal(state.acknowledgedFloor, sequences[2], "the acknowledged floor")
                try Expect.equal(state.delivered, sequences[2], "the last sequence delivered")
                try Expect.equal(state.pending, 0, "the messages still to come")
            },
            check("what is not answered is delivered again after the acknowledgement wait") { scene in
                try await scene.publish("42", 1...2)
                let source = try await scene.subscribe(wait: .seconds(1))
                let first = try await source.receive(2)
                await source.answer(.acknowledge, to: [first[0]])
                let again = try await source.receive(1)
                try Expect.equal(LogScene.numbers(again), [2], "the sequence delivered again")
                try Expect.equal(again[0].attempt, 2, "the attempt")
                try Expect.equal(again[0].message, first[1].message, "the message")
                let state = try await scene.log.consumerState("tests")
                try Expect.equal(state?.acknowledgedFloor, StreamSequence(1), "the acknowledged floor")
                try Expect.equal(state?.acknowledgementPending, 1, "the unanswered deliveries")
            },
            check("what is negative-acknowledged comes at once") { scene in
                try await scene.publish("42", 1...1)
                let source = try await scene.subscribe()
                for attempt in 1...4 {
                    let received = try await source.receive(1)
                    try Expect.equal(received[0].attempt, attempt, "the attempt")
                    await source.answer(.negativeAcknowledge(delay: .zero), to: received)
                }
            },
            check("a delay holds a delivery back, and lets others pass") { scene in
                try await scene.publish("42", 1...1)
                let source = try await scene.subscribe()
                let first = try await source.receive(1)
                await source.answer(.negativeAcknowledge(delay: .seconds(3)), to: first)
                try await scene.publish("43", 1...1)
                let received = try await source.receive(2)
                try Expect.equal(LogScene.numbers(received), [2, 1], "the sequences in the order of arrival")
                try Expect.equal(received.map(\.attempt), [1, 2], "the attempts")
            },
            check("saying in-progress restarts the acknowledgement wait") { scene in
                try await scene.publish("42", 1...1)
                let source = try await scene.subscribe(wait: .seconds(1))
                let first = try await source.receive(1)
                let held = try await hold(first, of: source, wait: .seconds(1))
                let again = try await source.receive(1)
                try Expect.that(
                    again[0].attempt == held[0].attempt + 1, "one more attempt, once nothing is said any more",
                    found: "attempt \(again[0].attempt) after \(held[0].attempt)")
            },
            check("a late acknowledgement of the first delivery counts after the second") { scene in
                try await scene.publish("42", 1...1)
                let source = try await scene.subscribe(wait: .seconds(1))
                let first = try await source.receive(1)
                _ = try await source.receive(1)
                await source.answer(.acknowledge, to: first)
                try await source.expectSilence(for: .milliseconds(2500), "no third delivery")
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

extension EventLogConformance {
    static var sharingChecks: [Check] {
        [
            Check("replicas that share a durable consumer get every message, each one once") { fixture in
                let scenes = [
                    LogScene(fixture: fixture, log: try await fixture.log()),
                    LogScene(fixture: fixture, log: try await fixture.log()),
                ]
                let sources = [try await scenes[0].subscribe(pull: 5), try await scenes[1].subscribe(pull: 5)]
                let received = Recorder<UInt64>()
                let (complete, changes) = (Gate(), ChangeSignal())
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for source in sources {
                        group.addTask {
                            while !Task.isCancelled {
                                let next = try await source.next(upTo: 3, waiting: .seconds(1))
                                for delivery in next { received.record(delivery.sequence.number) }
                                await source.answer(.acknowledge, to: next)
                                if received.values.count >= 60 { complete.open() }
                                changes.notify()
                            }
                        }
                    }
                    for id in 1...60 { try await scenes[id % 2].publish("\(id)", 1...1) }
                    try await complete.wait(atMost: .seconds(30), for: "sixty deliveries to two replicas")
                    group.cancelAll()
                    try await group.waitForAll()
                }
                try Expect.equal(received.values.sorted(), Array(1...60), "the sequences delivered")
            },
            check("no more than the limit is unanswered, over all replicas") { scene in
                try await scene.publish("42", 1...6)
                let first = try await scene.subscribe(pending: 3)
                let received = try await first.receive(3)
                let second = try await scene.subscribe(pending: 3)
                try await second.expectSilence(for: .milliseconds(500), "no fourth delivery to another")
                try await first.expectSilence(for: .milliseconds(500), "no fourth delivery")
                let state = try await scene.log.consumerState("tests")
                try Expect.equal(state?.acknowledgementPending, 3, "the unanswered deliveries")
                try Expect.equal(state?.maxAcknowledgementPending, 3, "their limit")
                await second.close()
                await first.answer(.acknowledge, to: received)
                let rest = try await first.receive(3)
                try Expect.equal(LogScene.numbers(rest), [4, 5, 6], "the sequences that came then")
                await first.close()
            },
            check("what waits for its delay counts against the limit") { scene in
                try await scene.publish("42", 1...4)
                let source = try await scene.subscribe(pending: 2)
                let received = try await source.receive(2)
                await source.answer(.negativeAcknowledge(delay: .seconds(60)), to: received)
                try await source.expectSilence(for: .milliseconds(500), "nothing past two that wait")
                await source.answer(.acknowledge, to: received)
                let rest = try await source.receive(2)
                try Expect.equal(LogScene.numbers(rest), [3, 4], "the sequences that came then")
            },
            check("closing gives back what was not taken, at once") { scene in
                try await scene.publish("42", 1...6)
                let first = try await scene.subscribe(pull: 6)
                let taken = try await first.receive(2)
                await first.answer(.acknowledge, to: taken)
                await first.close()
                await first.close()
                let second = try await scene.subscribe()
                // Well within the acknowledgement wait of 30 seconds.
                let rest = try await second.collect(4, within: .seconds(10))
                try Expect.equal(rest.sorted(), [3, 4, 5, 6], "the sequences left")
                await second.close()
            },
        ]
    }

    static var subscriptionChecks: [Check] {
        [
            check("a durable consumer remembers what was acknowledged") { scene in
                try await scene.publish("42", 1...3)
                let first = try await scene.subscribe(wait: .seconds(1))
                let received = try await first.receive(3)
                await first.answer(.acknowledge, to: Array(received.prefix(2)))
                await first.answer(.negativeAcknowledge(delay: .zero), to: Array(received.suffix(1)))
                await first.close()
                let second = try await scene.subscribe(wait: .seconds(1))
                let again = try await second.collect(3, within: .milliseconds(2500))
                try Expect.equal(again, [3], "the sequences that came again")
                await second.close()
            },
            check("durable consumers of different names each get everything") { scene in
                try await scene.publish("42", 1...2)
                for name in ["one", "two"] {
                    let source = try await scene.subscribe(name)
                    let received = try await source.receive(2)
                    try Expect.equal(LogScene.numbers(received), [1, 2], "the sequences of \(name)")
                    await source.answer(.acknowledge, to: received)
                }
            },
            check("a subscription to one type gets that type alone") { scene in
                try await scene.publish("1", 1...2, type: "order")
                try await scene.publish("1", 1...2)
                try await scene.publish("2", 1...1, type: "order")
                let type = try AggregateType("order")
                let source = try await scene.subscribe(LogScene.subscription(type: type))
                let received = try await source.receive(3)
                try Expect.equal(LogScene.numbers(received), [1, 2, 5], "the sequences of the orders")
                try Expect.equal(received.map(\.pending), [2, 1, 0], "the orders still to come")
                await source.answer(.acknowledge, to: received)
                try await source.expectSilence(for: .milliseconds(300), "nothing else")
            },
            check("a durable consumer of another database is refused, and can be taken over") { scene in
                try await scene.publish("42", 1...3)
                let first = try await scene.subscribe(LogScene.subscription())
                await first.answer(.acknowledge, to: try await first.receive(3))
                await first.close()
                let failure = try await Expect.failure(EventLogError.self, "another database to be refused") {
                    _ = try await scene.subscribe(LogScene.subscription(storeID: "store-2"))
                }
                try Expect.equal(failure.code, .storeMismatch, "the code")
                let second = try await scene.subscribe(
                    LogScene.subscription(storeID: "store-2", takesOver: true))
                let history = try await second.receive(3)
                try Expect.equal(history.map(\.sequence.number), [1, 2, 3], "everything, delivered again")
                await second.answer(.acknowledge, to: history)
                await second.close()
                let third = try await scene.subscribe(LogScene.subscription(storeID: "store-2"))
                await third.close()
                let again = try await Expect.failure(EventLogError.self, "the first database to be refused") {
                    _ = try await scene.subscribe(LogScene.subscription())
                }
                try Expect.equal(again.code, .storeMismatch, "the code")
            },
            check("the state of a durable consumer shows what is to come and what is unanswered") { scene in
                let none = try await scene.log.consumerState("tests")
                try Expect.that(none == nil, "no consumer", found: "\(String(describing: none))")
                try await scene.publish("42", 1...5)
                let source = try await scene.subscribe(pull: 2)
                _ = try await source.receive(1)
                let given = await source.suspend()
                let state = try Expect.some(try await scene.log.consumerState("tests"), "the consumer's state")
                let delivered = UInt64(given.count + 1)
                try Expect.equal(state.delivered, StreamSequence(delivered), "the last sequence delivered")
                try Expect.equal(state.pending, 5 - delivered, "the messages to come")
                try Expect.equal(state.acknowledgementPending, Int(delivered), "the unanswered deliveries")
                try Expect.equal(state.acknowledgedFloor, StreamSequence.none, "the acknowledged floor")
                try Expect.equal(state.maxAcknowledgementPending, 1000, "the limit")
            },
        ]
    }
}

extension EventLogConformance {
    static var removalChecks: [Check] {
        [
            check("a durable consumer that is deleted ends the deliveries with the reason") { scene in
                let source = try await scene.subscribe()
                try await source.expectSilence(for: .milliseconds(200), "no delivery")
                try await scene.fixture.administrator().deleteConsumer("tests")
                let failure = try await endOfDeliveries(source)
                try Expect.equal(failure.code, .consumerGone, "the code")
                let state = try await scene.log.consumerState("tests")
                try Expect.that(state == nil, "no consumer", found: "\(String(describing: state))")
            },
            check("a stream that is deleted ends the deliveries with the reason") { scene in
                let source = try await scene.subscribe()
                try await scene.fixture.administrator().deleteStream()
                let failure = try await endOfDeliveries(source)
                let codes: [EventLogError.Code] = [.streamGone, .consumerGone]
                try Expect.that(codes.contains(failure.code), "the stream to be gone", found: "\(failure)")
                let state = try await Expect.failure(EventLogError.self, "no state of a deleted stream") {
                    _ = try await scene.log.state()
                }
                try Expect.equal(state.code, .streamGone, "the code")
            },
            check("a message that was deleted is absent, and counted") { scene in
                let sequences = try await scene.publish("42", 1...3)
                try await scene.fixture.administrator().deleteMessage(sequences[1])
                let found = try await scene.log.message(at: sequences[1], from: .leader)
                try Expect.that(found == nil, "no message", found: "\(String(describing: found))")
                let next = try await scene.log.firstMessage(
                    on: try scene.subject("42"), from: sequences[1], source: .leader)
                try Expect.equal(next?.sequence, sequences[2], "the first message from the hole on")
                let state = try await scene.log.state()
                try Expect.equal([state.messages, state.deleted], [2, 1], "the messages and the holes")
                let source = try await scene.subscribe()
                let received = try await source.receive(2)
                try Expect.equal(LogScene.numbers(received), [1, 3], "the sequences delivered")
            },
            check("a stream that was trimmed begins later, and an emptied one remembers its end") { scene in
                let sequences = try await scene.publish("42", 1...4)
                try await scene.fixture.administrator().trim(sequences[2])
                let trimmed = try await scene.log.state()
                try Expect.equal(trimmed.firstSequence, sequences[2], "the first sequence")
                try Expect.equal(trimmed.messages, 2, "the messages")
                try await scene.fixture.administrator().trim(StreamSequence(sequences[3].number + 1))
                let empty = try await scene.log.state()
                try Expect.equal(empty.messages, 0, "the messages")
                try Expect.equal(empty.lastSequence, sequences[3], "the last sequence")
                try Expect.equal(empty.firstSequence.number, sequences[3].number + 1, "the first sequence")
                let next = await scene.log.publish(try scene.message("42", 5), expecting: .lastSequence(.none))
                try Expect.equal(try LogScene.stored(next).number, sequences[3].number + 1, "the next sequence")
            },
            check("what a foreign publisher stored comes as it is") { scene in
                let message = WireMessage(
                    subject: "\(scene.fixture.namespace).product.not.an.aggregate",
                    headers: [HeaderField("X-Twice", "a"), HeaderField("X-Twice", "b")], body: [0xFF, 0xFE])
                try await scene.fixture.administrator().store(message)
                let source = try await scene.subscribe(
                    LogScene.subscription(type: try AggregateType("product")))
                let received = try await source.receive(1)
                try Expect.equal(received[0].message, message, "the message delivered")
                let stored = try await scene.log.message(at: received[0].sequence, from: .leader)
                try Expect.equal(stored?.message, message, "the message read")
            },
        ]
    }

    static var outageChecks: [Check] {
        [
            check("a broker that is away delivers nothing, says so, and is survived") { scene in
                let administrator = try scene.fixture.administrator()
                let first = try LogScene.stored(
                    await scene.log.publish(try scene.message("42", 1), expecting: .lastSequence(.none)))
                let source = try await scene.subscribe()
                await source.answer(.acknowledge, to: try await source.receive(1))
                try await administrator.takeAway()
                try await source.expectSilence(for: .milliseconds(500), "no delivery")
                let failure = try await Expect.failure(EventLogError.self, "no state while the broker is away") {
                    _ = try await scene.log.state()
                }
                try Expect.that(failure.isRetriable, "a failure that may pass", found: "\(failure)")
                let message = try scene.message("42", 2)
                switch await scene.log.publish(message, expecting: .lastSequence(first)) {
                case .unknown: break
                case .refused(let error):
                    try Expect.that(error.isRetriable, "a refusal that may pass", found: "\(error)")
                case .stored, .unexpected:
                    throw ConformanceFailure(
                        expected: "no answer while the broker is away", found: "one", place: "\(#fileID):\(#line)")
                }
                try await administrator.bringBack()
                let received = try await publishAndReceive(message, behind: first, from: source, in: scene)
                try Expect.equal(received.message.body, message.body, "the body delivered after the outage")
            }
        ]
    }

    /// Waits for the error with which a source ends.
    private static func endOfDeliveries(_ source: any DeliverySource) async throws -> EventLogError {
        let deadline = ContinuousClock.now + .seconds(30)
        do {
            while ContinuousClock.now < deadline {
                let received = try await source.next(upTo: 10, waiting: .seconds(1))
                try Expect.that(received.isEmpty, "no delivery", found: "\(LogScene.numbers(received))")
            }
        } catch let failure as EventLogError {
            return failure
        }
        throw ConformanceFailure(
            expected: "the deliveries to end within 30 seconds", found: "no error", place: "\(#fileID):\(#line)")
    }

    /// Publishes until the broker has it, which first has to be reached again, and receives it. The message before it may
    /// come again: its acknowledgement may have gone with the broker.
    private static func publishAndReceive(
        _ message: WireMessage, behind first: StreamSequence, from source: any DeliverySource, in scene: LogScene
    ) async throws -> Delivery {
        let expectation = SubjectExpectation.lastSequence(first)
        let deadline = ContinuousClock.now + .seconds(30)
        var outcome = await scene.log.publish(message, expecting: expectation)
        while ContinuousClock.now < deadline {
            let received = try await source.next(upTo: 1, waiting: .milliseconds(200))
            if let delivery = received.first, delivery.sequence > first { return delivery }
            await source.answer(.acknowledge, to: received)
            if case .stored = outcome { continue }
            outcome = await scene.log.publish(message, expecting: expectation)
        }
        throw ConformanceFailure(
            expected: "a publish and its delivery within 30 seconds of the broker's return", found: "\(outcome)",
            place: "\(#fileID):\(#line)")
    }
}
