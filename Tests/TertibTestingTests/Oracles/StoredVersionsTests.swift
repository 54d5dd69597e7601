import TertibRuntime
import TertibCore
import Testing

@testable import TertibTesting

@Suite("Versions as a stream stores them")
struct StoredVersionsTests {
    private let aggregate: Aggregate

    init() throws {
        aggregate = try Sample.aggregate("1")
    }

    /// Two versions in the places 1 and 2, which the stream loses.
    private func lost() throws -> StoredVersions {
        var versions = StoredVersions()
        #expect(versions.add(try Sample.version(1), of: aggregate, at: StreamSequence(1)) == nil)
        #expect(versions.add(try Sample.version(2), of: aggregate, at: StreamSequence(2)) == nil)
        versions.lose(after: .none)
        return versions
    }

    @Test("a hole is found, and a version that comes twice")
    func holes() throws {
        var versions = StoredVersions()
        #expect(versions.add(try Sample.version(2), of: aggregate, at: StreamSequence(1)) == AggregateVersion.none)
        #expect(versions.add(try Sample.version(2), of: aggregate, at: StreamSequence(2)) == (try Sample.version(2)))
    }

    @Test("trimming takes no version back")
    func trimmed() throws {
        var versions = StoredVersions()
        #expect(versions.add(try Sample.version(1), of: aggregate, at: StreamSequence(1)) == nil)
        versions.trim(before: StreamSequence(2))
        #expect(versions.add(try Sample.version(1), of: aggregate, at: StreamSequence(2)) == (try Sample.version(1)))
    }

    @Test("a writer that stood still while everything was trimmed may give a version again, and no other writer")
    func stoodStill() throws {
        var versions = StoredVersions()
        let began = versions.trims
        #expect(versions.add(try Sample.version(1), of: aggregate, at: StreamSequence(1), since: began) == nil)
        #expect(
            versions.add(try Sample.version(1), of: aggregate, at: StreamSequence(2), since: began)
                == (try Sample.version(1)))
        versions.trim(before: StreamSequence(3))
        var others = versions
        #expect(versions.add(try Sample.version(1), of: aggregate, at: StreamSequence(3), since: began) == nil)
        #expect(
            versions.add(try Sample.version(1), of: aggregate, at: StreamSequence(4), since: began)
                == (try Sample.version(1)), "the subject is not empty any more")
        let late = others.trims
        #expect(
            others.add(try Sample.version(1), of: aggregate, at: StreamSequence(3), since: late)
                == (try Sample.version(1)))
    }

    @Test("what was lost leaves a hole behind which nothing may go on")
    func behindALoss() throws {
        var versions = try lost()
        #expect(versions.add(try Sample.version(3), of: aggregate, at: StreamSequence(5)) == AggregateVersion.none)
    }

    @Test("where the stream has trimmed the place too, a loss looks like trimming: versions go on behind it")
    func looksTrimmed() throws {
        var versions = try lost()
        versions.trim(before: StreamSequence(3))
        #expect(versions.add(try Sample.version(3), of: aggregate, at: StreamSequence(5)) == nil)
        #expect(versions.add(try Sample.version(4), of: aggregate, at: StreamSequence(6)) == nil)
        #expect(versions.add(try Sample.version(3), of: aggregate, at: StreamSequence(7)) == (try Sample.version(4)))
    }

    @Test("behind what looks trimmed no version is left out, and none while the aggregate has a message left")
    func looksTrimmedWithLimits() throws {
        var versions = try lost()
        versions.trim(before: StreamSequence(3))
        var other = versions
        #expect(other.add(try Sample.version(4), of: aggregate, at: StreamSequence(5)) == AggregateVersion.none)
        #expect(versions.add(try Sample.version(1), of: aggregate, at: StreamSequence(5)) == nil)
        #expect(versions.add(try Sample.version(3), of: aggregate, at: StreamSequence(6)) == (try Sample.version(1)))
    }
}
