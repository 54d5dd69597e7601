import Testing

@testable import TertibCore

@Suite("The search for the version and the last message of an aggregate's history")
struct PositionSearchTests {
    /// The steps of a search, one for its beginning and one for each input.
    private func steps(head: AggregateHead? = nil, _ inputs: PositionSearch.Input...) throws -> [PositionSearch.Step] {
        var search = PositionSearch(of: try Publishing.aggregate(), head: head, codec: try Publishing.codec())
        let first = search.begin()
        #expect(first == .ask(try .last()))
        return inputs.map { search.next($0) }
    }

    private func found(_ version: Int, _ last: UInt64) throws -> PositionSearch.Step {
        .found(SubjectPosition(version: try Sample.version(version), last: StreamSequence(last)))
    }

    private func message(
        _ version: Int, at sequence: UInt64, behind predecessor: UInt64? = nil
    ) throws -> PositionSearch.Input {
        .answer(.message(try Publishing.message(version, at: sequence, behind: predecessor)))
    }

    private let none = PositionSearch.Input.answer(.message(nil))

    @Test("On an empty subject the head counts, read after the subject was found empty")
    func empty() throws {
        #expect(try steps(none, .head(nil)) == [.readHead, try found(0, 0)])
        #expect(try steps(none, .head(try Publishing.head(4, at: 20))) == [.readHead, try found(4, 0)])
    }

    @Test("The head's own event at the end of the subject proves its version")
    func ownHead() throws {
        #expect(try steps(head: try Publishing.head(4, at: 20), try message(4, at: 20)) == [try found(4, 20)])
    }

    @Test("A head with staged versions proves nothing, and counts when it is higher")
    func stagedHead() throws {
        let head = try Publishing.head(4, at: 20, staged: 6)
        #expect(
            try steps(head: head, try message(4, at: 20, behind: 10), try message(3, at: 10)) == [
                .ask(.at(10)), try found(6, 20),
            ])
    }

    @Test("A first version that was published on an empty subject proves itself")
    func first() throws {
        #expect(try steps(try message(1, at: 20, behind: 0)) == [try found(1, 20)])
    }

    @Test("A last message is proven by a pointer to the version before it")
    func proven() throws {
        #expect(
            try steps(try message(4, at: 20, behind: 10), try message(3, at: 10)) == [.ask(.at(10)), try found(4, 20)])
    }

    @Test(
        "What proves nothing leads to a reading of the history, whose highest version counts",
        arguments: [nil, 0, 10] as [UInt64?])
    func history(predecessor: UInt64?) throws {
        var search = PositionSearch(of: try Publishing.aggregate(), head: nil, codec: try Publishing.codec())
        _ = search.begin()
        var step = search.next(try message(2, at: 40, behind: predecessor))
        if predecessor == 10 {
            #expect(step == .ask(.at(10)))
            step = search.next(try message(5, at: 10))
        }
        #expect(step == .ask(try .next(after: 0)))
        #expect(search.next(try message(1, at: 10)) == .ask(try .next(after: 10)))
        #expect(search.next(try message(3, at: 20)) == .ask(try .next(after: 20)))
        #expect(
            search.next(.answer(.message(try Publishing.malformed(at: 30)))) == .ask(try .next(after: 30)))
        #expect(search.next(try message(2, at: 40)) == .ask(try .next(after: 40)))
        #expect(search.next(none) == (try found(3, 40)))
    }

    @Test("A malformed last message is what the next publish expects")
    func malformed() throws {
        let last = PositionSearch.Input.answer(.message(try Publishing.malformed(at: 40)))
        #expect(try steps(last, try message(1, at: 10), last, none).last == (try found(1, 40)))
    }

    @Test("A subject that ends below the head's event was trimmed, or has lost it")
    func lostTail() throws {
        let head = try Publishing.head(4, at: 20)
        let state = PositionSearch.Input.answer(.state(try Publishing.state(last: 20)))
        let short = PositionSearch.Input.answer(.state(try Publishing.state(last: 19)))
        #expect(
            try steps(head: head, none, state, none, .head(head)) == [
                .ask(.state), .ask(.at(20)), .readHead, try found(4, 0),
            ])
        #expect(
            try steps(head: head, try message(1, at: 10, behind: 0), state, try message(4, at: 20)).last
                == (try found(4, 10)))
        for inputs in [
            [none, short, none], [try message(3, at: 10), state, none],
            [none, state, .answer(.message(Publishing.logged(WireMessage(subject: "test.product.2"), at: 20)))],
        ] {
            guard
                case .failed(.publishing(let error)) = try steps(head: head, inputs[0], inputs[1], inputs[2]).last
            else {
                Issue.record("it is not refused")
                continue
            }
            #expect(error.code == .unsafeStream)
            #expect(
                error.reason == "the stream has lost version 4, which it had acknowledged at sequence 20")
        }
    }

    @Test("A read that fails ends the search")
    func failure() throws {
        let failure = Publishing.error(.timedOut)
        #expect(try steps(.answer(.failed(failure))) == [.failed(.log(failure))])
    }
}
