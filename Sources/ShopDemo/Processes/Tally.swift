import Foundation
import ShopService
import Synchronization
import Tertib

/// What the replicas have said about themselves. Of a killed one its last line counts: what it did after that line, at
/// most a fifth of a second, is missing.
final class Tally: Sendable {
    private struct Source: Hashable {
        let process: String
        let start: Int
    }
    private let reports = Mutex<[Source: ReplicaReport]>([:])

    /// Takes a line of a replica's standard output.
    func hear(_ line: String, from process: String, start: Int) {
        // A line that was cut off by a kill says nothing.
        guard let report = try? JSONDecoder().decode(ReplicaReport.self, from: Data(line.utf8)) else { return }
        reports.withLock { $0[Source(process: process, start: start)] = report }
    }

    /// The sums over all replicas and their consumers.
    var outcomes: DemoReport.Outcomes {
        var sum = DemoReport.Outcomes()
        for counts in reports.withLock({ $0.values.flatMap(\.consumers.values) }) {
            sum.applied += counts.applied
            sum.stale += counts.stale
            sum.held += counts.held
            sum.parked += counts.parked
            sum.repaired += counts.repaired
            sum.conflicts += counts.conflicts
        }
        return sum
    }
}
