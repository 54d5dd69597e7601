import TertibRuntime
import TertibCore

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
            check("stored times do not go back, and every way of reading tells the same") { scene in
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
