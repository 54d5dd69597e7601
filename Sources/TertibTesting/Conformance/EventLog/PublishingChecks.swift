import TertibCore
import TertibRuntime

extension EventLogConformance {
    static var streamChecks: [Check] {
        [
            check("a new stream is empty, and its first sequence is one above its last") { scene in
                let state = try await scene.log.state()
                try Expect.equal(state.messages, 0, "the messages")
                try Expect.equal(state.firstSequence.number, state.lastSequence.number + 1, "the first sequence")
                try Expect.equal(state.deleted, 0, "the messages deleted")
                try Expect.that(state.createdAt.microseconds > 946_684_800_000_000, "a time of creation")
            },
            check("the stream's state counts what was published, and its creation stays") { scene in
                let before = try await scene.log.state()
                let sequences = try await scene.publish("42", 1...3)
                let after = try await scene.log.state()
                try Expect.equal(after.messages, 3, "the messages")
                try Expect.equal(after.firstSequence, sequences[0], "the first sequence")
                try Expect.equal(after.lastSequence, sequences[2], "the last sequence")
                try Expect.equal(after.createdAt, before.createdAt, "the time of creation")
                try Expect.equal(after.name, before.name, "the name")
            },
            Check("every connection sees the same stream") { fixture in
                let first = LogScene(fixture: fixture, log: try await fixture.log())
                let second = LogScene(fixture: fixture, log: try await fixture.log())
                try await first.publish("42", 1...1)
                try await second.publish("43", 1...1)
                let states = [try await first.log.state(), try await second.log.state()]
                try Expect.equal(states[0], states[1], "the stream's state")
                try Expect.equal(states[0].messages, 2, "the messages")
            },
        ]
    }

    static var publishChecks: [Check] {
        [
            check("a message is stored as it was published, with its id and expectation beside it") { scene in
                let message = try scene.message("a b/ü*.>", 1)
                let outcome = await scene.log.publish(message, expecting: .lastSequence(.none))
                let sequence = try LogScene.stored(outcome)
                let found = try Expect.some(
                    try await scene.log.message(at: sequence, from: .leader), "the stored message")
                try Expect.equal(found.sequence, sequence, "the sequence")
                try Expect.equal(found.message.subject, message.subject, "the subject")
                try Expect.equal(found.message.body, message.body, "the body")
                for field in message.headers {
                    try Expect.that(found.message.headers.contains(field), "the header \(field)")
                }
                let ids = found.message.values(of: Header.messageID)
                try Expect.equal(ids, message.values(of: Header.id), "the message id, which is the event's")
                let expectations = found.message.values(of: Header.expectedLastSubjectSequence)
                try Expect.equal(expectations, [Array("0".utf8)], "the stored expectation")
            },
            check("without an expectation none is stored") { scene in
                let sequence = try Expect.some(try await scene.publish("42", 1...1).first, "a sequence")
                let found = try await scene.log.message(at: sequence, from: .leader)
                let expectations = found?.message.values(of: Header.expectedLastSubjectSequence)
                try Expect.equal(expectations, [], "the stored expectations")
            },
            check("bodies of every size and of every byte survive") { scene in
                for (offset, size) in [0, 1, 255, 65_536, 500_000].enumerated() {
                    var message = try scene.message("\(offset)", 1)
                    message.body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                    let sequence = try LogScene.stored(await scene.log.publish(message, expecting: .any))
                    let found = try await scene.log.message(at: sequence, from: .leader)
                    try Expect.that(found?.message.body == message.body, "\(size) bytes to come back as they were")
                }
            },
            check("the same id again is a duplicate, and is not stored again") { scene in
                let message = try scene.message("42", 1)
                let sequence = try LogScene.stored(await scene.log.publish(message, expecting: .any))
                let again = await scene.log.publish(message, expecting: .any)
                try Expect.equal(again, .stored(sequence: sequence, isDuplicate: true), "the outcome of the repeat")
                try Expect.equal(try await scene.log.state().messages, 1, "the messages")
            },
            check("an id is a duplicate on another subject too, with the first one's sequence") { scene in
                let message = try scene.message("42", 1)
                let sequence = try LogScene.stored(await scene.log.publish(message, expecting: .any))
                let other = WireMessage(
                    subject: try scene.subject("43"), headers: message.headers, body: message.body)
                let outcome = await scene.log.publish(other, expecting: .any)
                try Expect.equal(outcome, .stored(sequence: sequence, isDuplicate: true), "the outcome")
                let found = try await scene.log.lastMessage(on: other.subject, from: .leader)
                try Expect.that(found == nil, "nothing on the other subject", found: "\(String(describing: found))")
            },
            check("many messages at once are each stored once") { scene in
                let sequences = try await withThrowingTaskGroup(of: StreamSequence.self) { group in
                    for id in 0..<200 {
                        let message = try scene.message("\(id)", 1)
                        group.addTask { try LogScene.stored(await scene.log.publish(message, expecting: .any)) }
                    }
                    return try await group.reduce(into: Set<StreamSequence>()) { $0.insert($1) }
                }
                try Expect.equal(sequences.count, 200, "the different sequences")
                try Expect.equal(try await scene.log.state().messages, 200, "the messages")
            },
        ]
    }

    static var expectationChecks: [Check] {
        [
            check("a publish that expects the last sequence of its subject is stored") { scene in
                let first = try LogScene.stored(
                    await scene.log.publish(try scene.message("42", 1), expecting: .lastSequence(.none)))
                try await scene.publish("43", 1...1)
                let second = await scene.log.publish(try scene.message("42", 2), expecting: .lastSequence(first))
                _ = try LogScene.stored(second)
            },
            check("a publish that expects another sequence is not stored, and may be tried again") { scene in
                let sequences = try await scene.publish("42", 1...2)
                let message = try scene.message("42", 3)
                let wrong: [StreamSequence] = [.none, sequences[0], StreamSequence(sequences[1].number + 1)]
                for expectation in wrong {
                    let outcome = await scene.log.publish(message, expecting: .lastSequence(expectation))
                    guard case .unexpected(let actual) = outcome else {
                        throw ConformanceFailure(
                            expected: "\(expectation) to be refused as unexpected", found: "\(outcome)",
                            place: "\(#fileID):\(#line)")
                    }
                    try Expect.that(actual == nil || actual == sequences[1], "the actual sequence, if any is named")
                }
                try Expect.equal(try await scene.log.state().messages, 2, "the messages")
                _ = try LogScene.stored(await scene.log.publish(message, expecting: .lastSequence(sequences[1])))
            },
            check("a repeat whose expectation no longer holds is not stored again, whatever it is called") { scene in
                let message = try scene.message("42", 1)
                let sequence = try LogScene.stored(await scene.log.publish(message, expecting: .lastSequence(.none)))
                switch await scene.log.publish(message, expecting: .lastSequence(.none)) {
                case .stored(let found, let isDuplicate):
                    try Expect.that(isDuplicate && found == sequence, "the repeat to be called a duplicate")
                case .unexpected(let actual):
                    try Expect.that(actual == nil || actual == sequence, "the actual sequence, if any is named")
                case .refused(let error), .unknown(let error):
                    throw ConformanceFailure(
                        expected: "a duplicate or an unexpected sequence", found: "\(error)",
                        place: "\(#fileID):\(#line)")
                }
                try Expect.equal(try await scene.log.state().messages, 1, "the messages")
            },
            Check("of writers that expect the same sequence at once, exactly one is stored") { fixture in
                let scenes = [
                    LogScene(fixture: fixture, log: try await fixture.log()),
                    LogScene(fixture: fixture, log: try await fixture.log()),
                ]
                var last = StreamSequence.none
                for round in Int64(1)...10 {
                    let expectation = SubjectExpectation.lastSequence(last)
                    let outcomes = try await withThrowingTaskGroup(of: PublishOutcome.self) { group in
                        for writer in 0..<8 {
                            let scene = scenes[writer % 2]
                            let message = try scene.events.message(
                                try Sample.aggregate("42"), version: try Sample.version(round),
                                id: try Sample.event("writer-\(writer)-\(round)"))
                            group.addTask { await scene.log.publish(message, expecting: expectation) }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    let stored = outcomes.compactMap { outcome in
                        if case .stored(let sequence, false) = outcome { sequence } else { nil }
                    }
                    try Expect.equal(stored.count, 1, "the winners of round \(round) (\(outcomes))")
                    last = try Expect.some(stored.first, "a winner")
                }
                try Expect.equal(try await scenes[0].log.state().messages, 10, "the messages")
            },
        ]
    }
}

extension EventLogConformance {
    static var readChecks: [Check] {
        [
            check("a message is read by its sequence, and absent ones are nil") { scene in
                let sequences = try await scene.publish("42", 1...3)
                for source in [ReadSource.leader, .anyReplica] {
                    let second = try await scene.log.message(at: sequences[1], from: source)
                    try Expect.equal(second?.message.body, try scene.message("42", 2).body, "the second body")
                    let beyond = StreamSequence(sequences[2].number + 1)
                    let none = try await scene.log.message(at: beyond, from: source)
                    try Expect.that(none == nil, "nothing beyond the end", found: "\(String(describing: none))")
                }
            },
            check("the first message on a subject is found from a sequence on") { scene in
                let early = try await scene.publish("42", 1...2)
                let other = try await scene.publish("43", 1...1)
                let late = try await scene.publish("42", 3...3)
                let subject = try scene.subject("42")
                for source in [ReadSource.leader, .anyReplica] {
                    try await expectFirst(early[0], on: subject, from: .init(1), in: scene, source)
                    try await expectFirst(early[1], on: subject, from: early[1], in: scene, source)
                    try await expectFirst(late[0], on: subject, from: other[0], in: scene, source)
                    try await expectFirst(nil, on: subject, from: .init(late[0].number + 1), in: scene, source)
                    try await expectFirst(nil, on: try scene.subject("44"), from: .init(1), in: scene, source)
                }
            },
            check("the first message is found by a subject with wildcards") { scene in
                let orders = try await scene.publish("1", 1...2, type: "order")
                let products = try await scene.publish("1", 1...2)
                let mapping = try scene.events.codec.mapping
                let product = try AggregateType("product")
                let start = StreamSequence(1)
                try await expectFirst(orders[0], on: mapping.everything, from: start, in: scene, .leader)
                try await expectFirst(products[0], on: mapping.filter(for: product), from: start, in: scene, .leader)
                let anyProduct = "\(fixtureNamespace(scene)).product.*"
                try await expectFirst(products[0], on: anyProduct, from: start, in: scene, .leader)
                try await expectFirst(products[1], on: anyProduct, from: products[1], in: scene, .anyReplica)
            },
            check("the last message on a subject is found, and none where there is none") { scene in
                let sequences = try await scene.publish("42", 1...3)
                try await scene.publish("43", 1...1)
                for source in [ReadSource.leader, .anyReplica] {
                    let last = try await scene.log.lastMessage(on: try scene.subject("42"), from: source)
                    try Expect.equal(last?.sequence, sequences[2], "the last sequence")
                    try Expect.equal(last?.message.body, try scene.message("42", 3).body, "the last body")
                    let none = try await scene.log.lastMessage(on: try scene.subject("44"), from: source)
                    try Expect.that(none == nil, "nothing", found: "\(String(describing: none))")
                }
            },
            check("stored times do not go back, and every way of reading returns the same") { scene in
                let sequences = try await scene.publish("42", 1...3)
                var times: [Timestamp] = []
                for sequence in sequences {
                    let message = try await scene.log.message(at: sequence, from: .leader)
                    times.append(try Expect.some(message, "a message").storedAt)
                }
                try Expect.equal(times, times.sorted(), "the times")
                let last = try await scene.log.lastMessage(on: try scene.subject("42"), from: .anyReplica)
                try Expect.equal(last?.storedAt, times[2], "the last message's time")
            },
        ]
    }

    private static func fixtureNamespace(_ scene: LogScene) -> String { scene.fixture.namespace.text }

    private static func expectFirst(
        _ expected: StreamSequence?, on subject: String, from start: StreamSequence, in scene: LogScene,
        _ source: ReadSource, file: StaticString = #fileID, line: UInt = #line
    ) async throws {
        let found = try await scene.log.firstMessage(on: subject, from: start, source: source)
        try Expect.equal(
            found?.sequence, expected, "the first on \(subject) from \(start) (\(source))", file: file, line: line)
    }
}
