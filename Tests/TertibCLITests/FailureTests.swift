import TertibRuntime
import TertibCore
import TertibTerminal
import Testing

@testable import TertibCLI

/// What failures become: an exit status, three lines, a document.
struct FailureTests {
    @Test("each kind of error has its status and code")
    func kinds() throws {
        let consumer = try ConsumerName("orders")
        let aggregate = try Aggregate(parsing: "product/1")
        let cases: [(any Error, TertibTerminal.ExitStatus, String)] = [
            (VersionConflict(aggregate: aggregate, expected: .none, actual: .first), .wrong, "version-conflict"),
            (EventLogError(.unavailable, attempted: "a", reason: "b"), .wrong, "unavailable"),
            (EventLogError(.streamGone, attempted: "a", reason: "b"), .wrong, "stream-gone"),
            (EventLogError(.unsafeConfiguration, attempted: "a", reason: "b"), .unusable, "unsafe-configuration"),
            (EventLogError(.authentication, attempted: "a", reason: "b"), .unusable, "authentication"),
            (EventLogError(.storeMismatch, attempted: "a", reason: "b"), .unusable, "store-mismatch"),
            (StoreError(.conflict, attempted: "a", reason: "b"), .wrong, "conflict"),
            (StoreError(.schema, attempted: "a", reason: "b"), .unusable, "schema"),
            (PublishingError(.notOwner, attempted: "a", reason: "b"), .unusable, "not-owner"),
            (PublishingError(.undecided, attempted: "a", reason: "b"), .wrong, "undecided"),
            (ConsumerError(.streamChanged, consumer: consumer, reason: "b"), .unusable, "stream-changed"),
            (IdentityError("aggregate id", "is empty"), .unusable, "invalid-argument"),
            (CancellationError(), .wrong, "cancelled"),
        ]
        for (error, status, code) in cases {
            let failure = Failure(error)
            #expect(failure.status == status, "\(error)")
            #expect(failure.code == code)
            #expect(failure.lines(for: .none).count == 3)
        }
    }

    @Test("a failure is three lines: what, why, what to do next; harmful text is escaped")
    func lines() {
        let failure = Failure(status: .wrong, code: "x", what: "it \u{1B}broke", why: "one\ntwo", next: "mend it")
        #expect(
            failure.lines(for: .none) == [
                "error: it \\u{1b}broke", "  why: one", "       two", " next: mend it",
            ])
    }

    private func version(_ text: String) throws -> AggregateVersion {
        try #require(AggregateVersion(wire: text))
    }

    @Test("a lost race is the documented document")
    func conflict() throws {
        let conflict = VersionConflict(
            aggregate: try Aggregate(parsing: "product/42"), expected: try version("6"),
            actual: try version("7"))
        #expect(
            Failure(conflict).document.line.hasPrefix(
                #"{"error":"version-conflict","aggregate":"product/42","expected":6,"actual":7"#))
    }
}
