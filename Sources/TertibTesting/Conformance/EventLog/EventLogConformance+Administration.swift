import TertibRuntime
import TertibCore

extension EventLogConformance {
    static var removalChecks: [Check] {
        [
            check("a durable consumer that is deleted ends the deliveries with the reason") { scene in
                let source = try await scene.subscribe()
                try await LogScene.expectSilence(of: source, for: .milliseconds(200), "no delivery")
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
                let received = try await LogScene.receive(2, from: source)
                try Expect.equal(LogScene.numbers(received), [1, 3], "the sequences delivered")
                await source.close()
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
                let source = try await scene.log.subscribe(
                    LogScene.subscription(type: try AggregateType("product")))
                let received = try await LogScene.receive(1, from: source)
                try Expect.equal(received[0].message, message, "the message delivered")
                let stored = try await scene.log.message(at: received[0].sequence, from: .leader)
                try Expect.equal(stored?.message, message, "the message read")
                await source.close()
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
                await source.answer(.acknowledge, to: try await LogScene.receive(1, from: source))
                try await administrator.takeAway()
                try await LogScene.expectSilence(of: source, for: .milliseconds(500), "no delivery")
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
                await source.close()
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
