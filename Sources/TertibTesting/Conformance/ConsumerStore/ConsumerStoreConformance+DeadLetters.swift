import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var deadLetterChecks: [Check] {
        [
            check("a dead letter comes back with every column, and its bytes untouched") { store in
                let aggregate = try Sample.aggregate("42")
                let letters = [
                    try Sample.deadLetter(aggregate, version: .first, sequence: 1),
                    try Sample.deadLetter(
                        nil, version: nil, sequence: 2, reason: .malformed, failedAt: later(1), attempts: 0),
                ]
                try await keep(letters, in: store)
                let found = try await deadLetters(of: nil, in: store)
                try Expect.equal(found, letters.reversed(), "the open dead letters, newest first")
            },
            check("every reason survives") { store in
                let letters = try DeadLetterReason.allCases.enumerated().map { offset, reason in
                    try Sample.deadLetter(nil, version: nil, sequence: UInt64(offset + 1), reason: reason)
                }
                try await keep(letters, in: store)
                let found = try await deadLetters(of: nil, in: store)
                try Expect.equal(Set(found), Set(letters), "the open dead letters")
            },
            check("dead letters are read of one aggregate, newest first, at most so many") { store in
                let (aggregate, other) = (try Sample.aggregate("42"), try Sample.aggregate("43"))
                let letters = try (1...5).map { number in
                    try Sample.deadLetter(
                        number == 3 ? other : aggregate, version: try Sample.version(Int64(number)),
                        sequence: UInt64(number), failedAt: later(number))
                }
                try await keep(letters, in: store)
                let found = try await deadLetters(of: aggregate, limit: 2, in: store)
                try Expect.equal(found.map(\.streamSequence.number), [5, 4], "the sequences found")
            },
            check("the open dead letters of aggregates are named, oldest first, if they have a version") { store in
                let (aggregate, other) = (try Sample.aggregate("42"), try Sample.aggregate("43"))
                let third = try Sample.aggregate("44")
                let letters = [
                    try Sample.deadLetter(aggregate, version: .first, sequence: 1, failedAt: later(1)),
                    try Sample.deadLetter(aggregate, version: nil, sequence: 2, reason: .malformed, failedAt: later(2)),
                    try Sample.deadLetter(
                        other, version: try Sample.version(9), sequence: 3, reason: .forked, failedAt: later(3)),
                    try Sample.deadLetter(third, version: .first, sequence: 4, failedAt: later(4)),
                ]
                try await keep(letters, in: store)
                let consumer = try Sample.consumer()
                let (keys, none, foreign) = try await store.transaction { transaction in
                    (
                        try transaction.openDeadLetters(consumer, of: [other, aggregate]),
                        try transaction.openDeadLetters(consumer, of: []),
                        try transaction.openDeadLetters(try Sample.consumer("payments"), of: [aggregate])
                    )
                }
                let expected = [
                    DeadLetterKey(
                        aggregate: aggregate, version: .first, eventID: try Sample.event("event-1"), reason: .failed,
                        streamSequence: StreamSequence(1)),
                    DeadLetterKey(
                        aggregate: other, version: try Sample.version(9), eventID: try Sample.event("event-9"),
                        reason: .forked, streamSequence: StreamSequence(3)),
                ]
                try Expect.equal(keys, expected, "the keys")
                try Expect.equal(none, [], "the keys of no aggregate")
                try Expect.equal(foreign, [], "another consumer's keys")
            },
            check("a repeat keeps one row, with the first failure's time and the last failure") { store in
                let first = try Sample.deadLetter(nil, version: nil, sequence: 7, attempts: 1)
                let second = try Sample.deadLetter(nil, version: nil, sequence: 7, failedAt: later(60), attempts: 2)
                try await keep([first], in: store)
                try await keep([second], in: store)
                let found = try await deadLetters(of: nil, in: store)
                try Expect.equal(found.count, 1, "the rows of one message")
                let letter = try Expect.some(found.first, "a dead letter")
                try Expect.equal(letter.id, first.id, "the row's id")
                try Expect.equal(letter.firstFailedAt, first.firstFailedAt, "the first failure")
                try Expect.equal(letter.lastFailedAt, second.lastFailedAt, "the last failure")
                try Expect.equal(letter.attempts, 2, "the attempts")
                try Expect.equal(letter.error, "failed 2 times", "the error")
            },
            check("the same sequence of a stream that was created anew, or of another consumer, is another row") {
                store in
                let first = try Sample.deadLetter(nil, version: nil, sequence: 7)
                let second = try Sample.deadLetter(nil, version: nil, sequence: 7, stream: later(3600))
                try await keep([first, second], in: store)
                let third = try Sample.deadLetter(nil, version: nil, sequence: 7, attempts: 3)
                let other = try Sample.consumer("payments")
                try await store.transaction { try $0.saveDeadLetter(other, third) }
                try Expect.equal(try await deadLetters(of: nil, in: store).count, 2, "the consumer's rows")
                let foreign = try await store.read { try $0.deadLetters(other, of: nil, limit: 10) }
                try Expect.equal(foreign, [third], "the other consumer's rows")
            },
            check("a dead letter that was dealt with is not open, and a repeat reopens it") { store in
                let aggregate = try Sample.aggregate("42")
                let letter = try Sample.deadLetter(aggregate, version: .first, sequence: 7)
                try await keep([letter], in: store)
                let changed = try await store.transaction { transaction in
                    try transaction.execute(ConformanceSQL.resolveDeadLetter, arguments: [.integer(7)])
                }
                try Expect.equal(changed, 1, "the rows resolved")
                try Expect.equal(try await deadLetters(of: nil, in: store), [], "the open dead letters")
                let consumer = try Sample.consumer()
                let keys = try await store.transaction { try $0.openDeadLetters(consumer, of: [aggregate]) }
                try Expect.equal(keys, [], "the keys of open dead letters")
                try await keep([letter], in: store)
                try Expect.equal(try await deadLetters(of: nil, in: store), [letter], "the dead letters after a repeat")
            },
        ]
    }

    static func later(_ seconds: Int) -> Timestamp { Sample.instant.advanced(by: .seconds(seconds)) }

    static func keep(_ letters: [DeadLetter], in store: any ConsumerStore) async throws {
        let consumer = try Sample.consumer()
        try await store.transaction { transaction in
            for letter in letters { try transaction.saveDeadLetter(consumer, letter) }
        }
    }

    private static func deadLetters(
        of aggregate: Aggregate?, limit: Int = 100, in store: any ConsumerStore
    ) async throws -> [DeadLetter] {
        let consumer = try Sample.consumer()
        return try await store.read { try $0.deadLetters(consumer, of: aggregate, limit: limit) }
    }
}
