import TertibCore
import Testing

@testable import TertibRuntime

@Suite("An aggregate at its limit of parked rows")
struct CrowdingTests {
    private func limit(_ id: String, at version: Int) throws -> ParkedLimitReached {
        ParkedLimitReached(aggregate: try Make.aggregate(id), watermark: try Make.version(version), limit: 5)
    }

    @Test("pauses the consumer when it has not moved on for the whole patience, and not as long as it does")
    func patience() throws {
        var crowding = ParkedLimitMonitor(patience: .seconds(5))
        var sights = (1...20).map { (version: $0, time: Duration.seconds($0), pauses: false) }
        sights += [(20, .milliseconds(24_999), false), (20, .seconds(25), true), (21, .seconds(25), false)]
        for sight in sights {
            let pauses = crowding.mustPause(after: [try limit("1", at: sight.version)], now: sight.time)
            #expect(pauses == sight.pauses, "at \(sight.version) after \(sight.time)")
        }
    }

    @Test("is forgotten after a while without it, and does not speak for another one")
    func forgotten() throws {
        var crowding = ParkedLimitMonitor(patience: .seconds(5))
        let sights: [(id: String, seconds: Int, pauses: Bool)] = [
            ("1", 0, false), ("2", 6, false), ("1", 7, true), ("1", 18, false),
        ]
        for sight in sights {
            let pauses = crowding.mustPause(after: [try limit(sight.id, at: 3)], now: .seconds(sight.seconds))
            #expect(pauses == sight.pauses, "after \(sight.seconds) seconds")
        }
    }

    @Test("matters less than the limit of all rows together, which pauses at once")
    func all() throws {
        var crowding = ParkedLimitMonitor(patience: .seconds(5))
        let all = ParkedLimitReached(aggregate: nil, limit: 50)
        let pauses = crowding.mustPause(after: [try limit("1", at: 3), all], now: .zero)
        #expect(pauses)
    }
}
