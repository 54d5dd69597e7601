import TertibRuntime
import TertibCore
import TertibTerminal

/// Publishes many events: different aggregates at the same time, the events of one in the order of their lines.
struct BulkPublisher: Sendable {
    let tertib: EventBus
    let force: Bool
    /// At most so many aggregates are in flight.
    var inFlight = 128
    /// Called with how many more events have been published, from any task.
    var progress: @Sendable (Int) -> Void = { _ in }

    /// What became of the lines.
    struct Outcome: Sendable {
        var published = 0
        var aggregates = 0
        /// The first line of each aggregate that could not be published, by line.
        var failures: [(line: EventLine, failure: Failure)] = []
        /// Lines of those aggregates behind that one, which were not tried.
        var skipped = 0
        /// The highest stream sequence that was written.
        var lastSequence: StreamSequence?
    }

    /// Publishes; every line is tried, but for those behind a failed one of their aggregate.
    func publish(_ lines: [EventLine]) async -> Outcome {
        let queues = Self.queues(lines)
        var outcome = Outcome()
        outcome.aggregates = queues.count
        await withTaskGroup(of: QueueOutcome.self) { group in
            var waiting = queues[...]
            func addNext() {
                guard let queue = waiting.popFirst() else { return }
                group.addTask { await publish(queue: queue) }
            }
            for _ in 0..<inFlight { addNext() }
            while let done = await group.next() {
                outcome.published += done.published
                outcome.skipped += done.skipped
                outcome.lastSequence = [outcome.lastSequence, done.lastSequence].compactMap(\.self).max()
                if let failure = done.failure { outcome.failures.append(failure) }
                addNext()
            }
        }
        outcome.failures.sort { $0.line.number < $1.line.number }
        return outcome
    }

    private struct QueueOutcome: Sendable {
        var published = 0
        var skipped = 0
        var failure: (line: EventLine, failure: Failure)?
        var lastSequence: StreamSequence?
    }

    /// The lines of each aggregate, in their order; aggregates in the order in which they first appear.
    private static func queues(_ lines: [EventLine]) -> [[EventLine]] {
        var places: [Aggregate: Int] = [:]
        var queues: [[EventLine]] = []
        for line in lines {
            if let place = places[line.aggregate] {
                queues[place].append(line)
            } else {
                places[line.aggregate] = queues.count
                queues.append([line])
            }
        }
        return queues
    }

    private func publish(queue: [EventLine]) async -> QueueOutcome {
        var outcome = QueueOutcome()
        var rest = queue[...]
        while let first = rest.first {
            let run = Self.run(rest)
            do {
                let receipts = try await tertib.append(
                    run.map(\.event), to: first.aggregate, expecting: first.expectedVersion, force: force)
                note(receipts, in: &outcome, &rest)
            } catch {
                var cause: any Error = error
                if let partial = error as? PartialAppend {
                    note(partial.receipts, in: &outcome, &rest)
                    cause = partial.underlying
                }
                guard let line = rest.first else { return outcome }
                // Another writer came between two lines: the next append follows it, and runs lost races again.
                if error is PartialAppend, cause is VersionConflict, line.expectedVersion == nil { continue }
                outcome.failure = (line, Failure(cause))
                outcome.skipped = rest.count - 1
                return outcome
            }
        }
        return outcome
    }

    private func note(
        _ receipts: [PublishReceipt], in outcome: inout QueueOutcome, _ rest: inout ArraySlice<EventLine>
    ) {
        outcome.published += receipts.count
        outcome.lastSequence = receipts.last?.sequence ?? outcome.lastSequence
        rest = rest.dropFirst(receipts.count)
        progress(receipts.count)
    }

    /// The lines that one append can write: those behind the first one expect nothing, or just what follows from it.
    static func run(_ lines: ArraySlice<EventLine>) -> ArraySlice<EventLine> {
        var next = lines.first?.expectedVersion
        var end = lines.startIndex
        for line in lines.prefix(256) {
            if end > lines.startIndex, let expected = line.expectedVersion, expected != next { break }
            next = next?.next
            end += 1
        }
        return lines[..<end]
    }
}
