import TertibRuntime
import TertibCore

extension EventLogConformance {
    static var deliveryChecks: [Check] {
        [
            check("what the stream has is delivered from its first message on, in order") { scene in
                let sequences = try await scene.publish("42", 1...5)
                let source = try await scene.subscribe()
                let received = try await LogScene.receive(5, from: source)
                try Expect.equal(received.map(\.sequence), sequences, "the sequences")
                try Expect.equal(received.map(\.attempt), [1, 1, 1, 1, 1], "the attempts")
                try Expect.equal(received.map(\.pending), [4, 3, 2, 1, 0], "the messages still to come")
                for delivery in received {
                    let stored = try await scene.log.message(at: delivery.sequence, from: .leader)
                    try Expect.equal(delivery.message, stored?.message, "the message of \(delivery.sequence)")
                    try Expect.equal(delivery.storedAt, stored?.storedAt, "the stored time")
                }
                await source.close()
            },
            check("what is published later wakes who waits") { scene in
                let source = try await scene.subscribe()
                async let received = LogScene.receive(1, from: source)
                try await scene.publish("42", 1...1)
                try Expect.equal(try await received.first?.attempt, 1, "the attempt")
                await source.close()
            },
            check("when nothing arrives the wait ends with nothing") { scene in
                let source = try await scene.subscribe()
                try await LogScene.expectSilence(of: source, for: .milliseconds(200), "no delivery")
                await source.close()
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
                await source.close()
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
                _ = try await LogScene.receive(1, from: source)
                await source.close()
            },
            check("what is pulled ahead and given back when receiving is suspended adds up to all") { scene in
                try await scene.publish("42", 1...10)
                let source = try await scene.subscribe(pull: 10)
                let taken = try await LogScene.receive(1, from: source)
                let given = await source.suspend()
                await source.answer(.negativeAcknowledge(delay: .zero), to: given)
                await source.answer(.acknowledge, to: taken)
                let rest = try await LogScene.collect(9, from: source, within: .seconds(10))
                let all = rest.union(LogScene.numbers(taken))
                try Expect.equal(all, Set(1...10), "the sequences")
                await source.close()
            },
            check("a large message is delivered however small the byte budget") { scene in
                var message = try scene.message("42", 1)
                message.body = Array(repeating: 0x20, count: 200_000)
                _ = try LogScene.stored(await scene.log.publish(message, expecting: .any))
                try await scene.publish("43", 1...3)
                var subscription = LogScene.subscription()
                subscription.byteLimit = 1024
                let source = try await scene.log.subscribe(subscription)
                let received = try await LogScene.receive(4, from: source)
                try Expect.equal(LogScene.numbers(received), [1, 2, 3, 4], "the sequences")
                await source.close()
            },
        ]
    }
}
