import Foundation
import ShopService
import Synchronization
package import TertibRuntime

/// What supervised replicas have said about themselves. Of a killed one its last line counts: what it did after that
/// line, at most a fifth of a second, is missing.
package final class Tally: Sendable {
    private struct Source: Hashable {
        let process: String
        let start: Int
    }
    private struct State {
        var reports: [Source: ReplicaReport] = [:]
        /// What ended starts have said, added up.
        var past = ConsumerCounts()
    }
    private let state = Mutex(State())

    /// Creates an empty tally.
    package init() {}

    /// Takes a line of a replica's standard output. A later start of a process closes the account of those before.
    package func hear(_ line: String, from process: String, start: Int) {
        // A line that was cut off by a kill says nothing.
        guard let report = try? JSONDecoder().decode(ReplicaReport.self, from: Data(line.utf8)) else { return }
        state.withLock { state in
            for (source, earlier) in state.reports where source.process == process && source.start < start {
                for counts in earlier.consumers.values { state.past.add(counts) }
                state.reports[source] = nil
            }
            state.reports[Source(process: process, start: start)] = report
        }
    }

    /// The sums over all replicas and their consumers.
    package var counts: ConsumerCounts {
        state.withLock { state in
            var sum = state.past
            for counts in state.reports.values.flatMap(\.consumers.values) { sum.add(counts) }
            return sum
        }
    }

    /// What the last start of a process has said about its consumers, added up; `nil` when it has said nothing.
    package func last(of process: String) -> ConsumerCounts? {
        state.withLock { state in
            guard
                let newest = state.reports.filter({ $0.key.process == process }).max(by: { $0.key.start < $1.key.start }
                )
            else { return nil }
            var sum = ConsumerCounts()
            for counts in newest.value.consumers.values { sum.add(counts) }
            return sum
        }
    }
}

extension ConsumerCounts {
    private static let fields: [any WritableKeyPath<ConsumerCounts, Int> & Sendable] = [
        \.delivered, \.applied, \.appliedFromDelivery, \.drained, \.repaired, \.retried, \.stale, \.waiting, \.parked,
        \.deadLettered, \.malformed, \.ignored, \.letGo, \.held, \.conflicts, \.batches, \.failures, \.pauses,
    ]

    fileprivate mutating func add(_ other: ConsumerCounts) {
        for field in Self.fields { self[keyPath: field] += other[keyPath: field] }
    }
}
