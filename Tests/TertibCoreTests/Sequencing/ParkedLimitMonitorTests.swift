import TertibCore
import Testing

@Suite("An aggregate at its limit of parked rows")
struct ParkedLimitMonitorTests {
    private func limit(_ id: String, at version: Int) throws -> ParkedLimitReached {
        ParkedLimitReached(aggregate: try Sample.aggregate(id), watermark: try Sample.version(version), limit: 5)
    }

    @Test("It pauses the consumer when it has not moved on for the whole patience, and not as long as it does")
    func patience() throws {
        var monitor = ParkedLimitMonitor(patience: .seconds(5))
        var observations = (1...20).map { (version: $0, time: Duration.seconds($0), pauses: false) }
        observations += [(20, .milliseconds(24_999), false), (20, .seconds(25), true), (21, .seconds(25), false)]
        for observation in observations {
            let pauses = monitor.mustPause(after: [try limit("1", at: observation.version)], now: observation.time)
            #expect(pauses == observation.pauses, "at \(observation.version) after \(observation.time)")
        }
    }

    @Test("It is forgotten after a while without it, and says nothing about another one")
    func forgotten() throws {
        var monitor = ParkedLimitMonitor(patience: .seconds(5))
        let observations: [(id: String, seconds: Int, pauses: Bool)] = [
            ("1", 0, false), ("2", 6, false), ("1", 7, true), ("1", 18, false),
        ]
        for observation in observations {
            let pauses = monitor.mustPause(
                after: [try limit(observation.id, at: 3)], now: .seconds(observation.seconds))
            #expect(pauses == observation.pauses, "after \(observation.seconds) seconds")
        }
    }

    @Test("It matters less than the limit of all rows together, which pauses at once")
    func all() throws {
        var monitor = ParkedLimitMonitor(patience: .seconds(5))
        let all = ParkedLimitReached(aggregate: nil, limit: 50)
        let pauses = monitor.mustPause(after: [try limit("1", at: 3), all], now: .zero)
        #expect(pauses)
        #expect(all.description == "the consumer would have more than 50 parked rows")
    }
}
