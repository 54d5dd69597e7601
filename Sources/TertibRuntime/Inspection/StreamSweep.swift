import TertibCore

/// Reads a whole stream with least privilege: message by message, many reads in flight, from any replica; what is not
/// there is asked of the leader, which also tells where the hole ends.
struct StreamSweep: Sendable {
    let log: any EventLog
    let codec: WireCodec
    let time: any TimeSource
    /// How many reads are in flight.
    var readsInFlight = 256
    /// How many sequences one task reads, one after the other.
    var stretch: UInt64 = 64

    /// A well-formed event, as little of it as is needed.
    struct Sighting: Sendable {
        let aggregate: Aggregate
        let version: AggregateVersion
        let id: EventID
        let sequence: StreamSequence
    }

    /// Reads every message from `first` to `last`, and hands on the well-formed events, in no order.
    /// - Parameter progress: Called with the number of sequences that are done.
    func read(
        from first: StreamSequence, through last: StreamSequence, progress: (UInt64) -> Void,
        _ body: ([Sighting]) -> Void
    ) async throws {
        guard first <= last else { return }
        try await withThrowingTaskGroup(of: Stretch.self) { group in
            var start = max(1, first.number)
            var done: UInt64 = 0
            func addNext() {
                guard start <= last.number else { return }
                let end = last.number - start < stretch ? last.number : start + stretch - 1
                let range = start...end
                start = end + 1
                group.addTask { try await read(range) }
            }
            for _ in 0..<max(1, readsInFlight) { addNext() }
            while let stretch = try await group.next() {
                done += stretch.sequences
                body(stretch.sightings)
                progress(done)
                addNext()
            }
        }
    }

    private struct Stretch: Sendable {
        var sequences: UInt64
        var sightings: [Sighting] = []
    }

    private func read(_ range: ClosedRange<UInt64>) async throws -> Stretch {
        var found = Stretch(sequences: UInt64(range.count))
        var position = range.lowerBound
        while position <= range.upperBound, let message = try await message(from: StreamSequence(position)),
            message.sequence.number <= range.upperBound
        {
            position = message.sequence.number + 1
            // What is malformed has no version to compare with.
            guard let envelope = try? codec.decode(message.message) else { continue }
            found.sightings.append(
                Sighting(
                    aggregate: envelope.aggregate, version: envelope.version, id: envelope.id,
                    sequence: message.sequence))
        }
        return found
    }

    /// The message at a sequence, or the next one behind a hole.
    private func message(from sequence: StreamSequence) async throws -> LoggedMessage? {
        var attempts = 0
        while true {
            do {
                if let message = try await log.message(at: sequence, from: .anyReplica) { return message }
                return try await log.firstMessage(on: codec.mapping.everything, from: sequence, source: .leader)
            } catch {
                attempts += 1
                guard error.isRetriable, attempts < 5 else { throw error }
                try await time.sleep(for: .milliseconds(100) * attempts)
            }
        }
    }
}
