import TertibRuntime
import TertibCore

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
                for source in sources { await source.close() }
            },
            check("no more than the limit is unanswered, over all replicas") { scene in
                try await scene.publish("42", 1...6)
                let first = try await scene.subscribe(pending: 3)
                let received = try await LogScene.receive(3, from: first)
                let second = try await scene.subscribe(pending: 3)
                try await LogScene.expectSilence(of: second, for: .milliseconds(500), "no fourth delivery to another")
                try await LogScene.expectSilence(of: first, for: .milliseconds(500), "no fourth delivery")
                let state = try await scene.log.consumerState("tests")
                try Expect.equal(state?.acknowledgementPending, 3, "the unanswered deliveries")
                try Expect.equal(state?.maxAcknowledgementPending, 3, "their limit")
                await second.close()
                await first.answer(.acknowledge, to: received)
                let rest = try await LogScene.receive(3, from: first)
                try Expect.equal(LogScene.numbers(rest), [4, 5, 6], "the sequences that came then")
                await first.close()
            },
            check("what waits for its delay counts against the limit") { scene in
                try await scene.publish("42", 1...4)
                let source = try await scene.subscribe(pending: 2)
                let received = try await LogScene.receive(2, from: source)
                await source.answer(.negativeAcknowledge(delay: .seconds(60)), to: received)
                try await LogScene.expectSilence(of: source, for: .milliseconds(500), "nothing past two that wait")
                await source.answer(.acknowledge, to: received)
                let rest = try await LogScene.receive(2, from: source)
                try Expect.equal(LogScene.numbers(rest), [3, 4], "the sequences that came then")
                await source.close()
            },
            check("closing gives back what was not taken, at once") { scene in
                try await scene.publish("42", 1...6)
                let first = try await scene.subscribe(pull: 6)
                let taken = try await LogScene.receive(2, from: first)
                await first.answer(.acknowledge, to: taken)
                await first.close()
                await first.close()
                let second = try await scene.subscribe()
                // Well within the acknowledgement wait of 30 seconds.
                let rest = try await LogScene.collect(4, from: second, within: .seconds(10))
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
                let received = try await LogScene.receive(3, from: first)
                await first.answer(.acknowledge, to: Array(received.prefix(2)))
                await first.answer(.negativeAcknowledge(delay: .zero), to: Array(received.suffix(1)))
                await first.close()
                let second = try await scene.subscribe(wait: .seconds(1))
                let again = try await LogScene.collect(3, from: second, within: .milliseconds(2500))
                try Expect.equal(again, [3], "the sequences that came again")
                await second.close()
            },
            check("durable consumers of different names each get everything") { scene in
                try await scene.publish("42", 1...2)
                for name in ["one", "two"] {
                    let source = try await scene.subscribe(name)
                    let received = try await LogScene.receive(2, from: source)
                    try Expect.equal(LogScene.numbers(received), [1, 2], "the sequences of \(name)")
                    await source.answer(.acknowledge, to: received)
                    await source.close()
                }
            },
            check("a subscription to one type gets that type alone") { scene in
                try await scene.publish("1", 1...2, type: "order")
                try await scene.publish("1", 1...2)
                try await scene.publish("2", 1...1, type: "order")
                let type = try AggregateType("order")
                let source = try await scene.log.subscribe(LogScene.subscription(type: type))
                let received = try await LogScene.receive(3, from: source)
                try Expect.equal(LogScene.numbers(received), [1, 2, 5], "the sequences of the orders")
                try Expect.equal(received.map(\.pending), [2, 1, 0], "the orders still to come")
                await source.answer(.acknowledge, to: received)
                try await LogScene.expectSilence(of: source, for: .milliseconds(300), "nothing else")
                await source.close()
            },
            check("a durable consumer of another database is refused, and can be taken over") { scene in
                try await scene.publish("42", 1...3)
                let first = try await scene.log.subscribe(LogScene.subscription())
                await first.answer(.acknowledge, to: try await LogScene.receive(3, from: first))
                await first.close()
                let failure = try await Expect.failure(EventLogError.self, "another database to be refused") {
                    _ = try await scene.log.subscribe(LogScene.subscription(storeID: "store-2"))
                }
                try Expect.equal(failure.code, .storeMismatch, "the code")
                let second = try await scene.log.subscribe(
                    LogScene.subscription(storeID: "store-2", takesOver: true))
                let history = try await LogScene.receive(3, from: second)
                try Expect.equal(history.map(\.sequence.number), [1, 2, 3], "everything, delivered again")
                await second.answer(.acknowledge, to: history)
                await second.close()
                let third = try await scene.log.subscribe(LogScene.subscription(storeID: "store-2"))
                await third.close()
                let again = try await Expect.failure(EventLogError.self, "the first database to be refused") {
                    _ = try await scene.log.subscribe(LogScene.subscription())
                }
                try Expect.equal(again.code, .storeMismatch, "the code")
            },
            check("the state of a durable consumer tells what is to come and what is unanswered") { scene in
                let none = try await scene.log.consumerState("tests")
                try Expect.that(none == nil, "no consumer", found: "\(String(describing: none))")
                try await scene.publish("42", 1...5)
                let source = try await scene.subscribe(pull: 2)
                _ = try await LogScene.receive(1, from: source)
                let given = await source.suspend()
                let state = try Expect.some(try await scene.log.consumerState("tests"), "the consumer's state")
                let delivered = UInt64(given.count + 1)
                try Expect.equal(state.delivered, StreamSequence(delivered), "the last sequence delivered")
                try Expect.equal(state.pending, 5 - delivered, "the messages to come")
                try Expect.equal(state.acknowledgementPending, Int(delivered), "the unanswered deliveries")
                try Expect.equal(state.acknowledgedFloor, StreamSequence.none, "the acknowledged floor")
                try Expect.equal(state.maxAcknowledgementPending, 1000, "the limit")
                await source.close()
            },
        ]
    }
}
