import Foundation
import TertibRuntime
import TertibCore

/// What the stream holds, read from outside, message by message: per aggregate and version the first event, and what is
/// wrong with the others. An event is kept as a few numbers, so that millions fit.
struct StreamFacts: Sendable {
    /// The first event of a version.
    struct Entry: Hashable, Sendable {
        var eventID: UInt64
        var content: UInt64
        var sequence: UInt64
        var amount: Int
        var number: Int
    }

    /// One event as it was read.
    struct Sighting: Hashable, Sendable {
        let aggregate: Aggregate
        let version: Int64
        var entry: Entry

        /// An event that the stream once had.
        init(_ aggregate: Aggregate, _ version: Int64, _ entry: Entry) {
            self.aggregate = aggregate
            self.version = version
            self.entry = entry
        }

        init?(_ message: LoggedMessage, _ codec: WireCodec) {
            guard let envelope = try? codec.decode(message.message) else { return nil }
            // Another body than the lab's has no amount; it is a violation that the oracle of the rows finds.
            let payload = try? JSONDecoder().decode(Moved.self, from: Data(envelope.body))
            aggregate = envelope.aggregate
            version = envelope.version.number
            entry = Entry(
                eventID: Digest.of(envelope.id.text.utf8), content: Digest.of(envelope.body),
                sequence: message.sequence.number, amount: payload?.amount ?? 0, number: payload?.number ?? 0)
        }
    }

    /// The first event of each version, by aggregate and version.
    private(set) var entries: [Aggregate: [Int64: Entry]] = [:]
    /// Other events of versions that were to have two.
    private(set) var forks: [Aggregate: [Int64: Entry]] = [:]
    /// All messages.
    private(set) var messages = 0
    /// Messages beyond the first of their version.
    private(set) var copies = 0
    /// What is wrong.
    private(set) var violations: [LabViolation] = []

    /// Nothing read.
    init() {}

    /// Different events.
    var events: Int { messages - copies }

    /// Takes note of a message; `nil` is one that breaks the contract.
    mutating func note(_ sighting: Sighting?) {
        messages += 1
        guard let sighting else {
            violations.append(LabViolation(.publishing, "the stream has a malformed message that nobody published"))
            return
        }
        guard let known = entries[sighting.aggregate]?[sighting.version] else {
            entries[sighting.aggregate, default: [:]][sighting.version] = sighting.entry
            return
        }
        let isOther = known.eventID != sighting.entry.eventID || known.content != sighting.entry.content
        if isOther, sighting.aggregate.isForked {
            noteFork(sighting, known)
            return
        }
        copies += 1
        if isOther {
            violations.append(
                LabViolation(
                    .publishing,
                    "\(sighting.aggregate) has two events of version \(sighting.version), at the sequences "
                        + "\(known.sequence) and \(sighting.entry.sequence)"))
        }
        if sighting.entry.sequence < known.sequence {
            entries[sighting.aggregate]?[sighting.version] = sighting.entry
        }
    }

    /// The one of the lower sequence counts; copies of the other change nothing.
    private mutating func noteFork(_ sighting: Sighting, _ known: Entry) {
        let (aggregate, version) = (sighting.aggregate, sighting.version)
        if forks[aggregate]?[version] != nil { copies += 1 }
        let isFirst = sighting.entry.sequence < known.sequence
        if isFirst { entries[aggregate]?[version] = sighting.entry }
        forks[aggregate, default: [:]][version] = isFirst ? known : sighting.entry
    }

    /// Takes note of what the stream had before it was removed.
    mutating func remember(_ sightings: [Sighting]) {
        for sighting in sightings where entries[sighting.aggregate]?[sighting.version] == nil { note(sighting) }
    }

    /// The versions of an aggregate without a hole from 1 on; what stands behind a hole cannot be applied.
    func contiguous(_ aggregate: Aggregate) -> Int64 {
        guard let versions = entries[aggregate] else { return 0 }
        var version: Int64 = 0
        while versions[version + 1] != nil { version += 1 }
        return version
    }

    /// Reads a whole stream, many reads in flight.
    /// - Parameter progress: gets how many messages are done, of how many.
    static func read(
        from log: any EventLog, codec: WireCodec, progress: (UInt64, UInt64) -> Void
    ) async throws -> StreamFacts {
        let last = try await log.state().lastSequence.number
        var facts = StreamFacts()
        try await withThrowingTaskGroup(of: [Sighting?].self) { group in
            var next: UInt64 = 1
            func addNext() {
                guard next <= last else { return }
                let range = next...min(last, next + stretch - 1)
                next = range.upperBound + 1
                group.addTask { try await read(range, log, codec) }
            }
            for _ in 0..<readsInFlight { addNext() }
            while let sightings = try await group.next() {
                for sighting in sightings { facts.note(sighting) }
                progress(UInt64(facts.messages), last)
                addNext()
            }
        }
        return facts
    }

    private static let readsInFlight = 128
    private static let stretch: UInt64 = 32

    private static func read(
        _ range: ClosedRange<UInt64>, _ log: any EventLog, _ codec: WireCodec
    ) async throws -> [Sighting?] {
        var sightings: [Sighting?] = []
        for sequence in range {
            guard let message = try await log.message(at: StreamSequence(sequence), from: .leader) else { continue }
            sightings.append(Sighting(message, codec))
        }
        return sightings
    }
}

/// A number for bytes: 64-bit FNV-1a, by Fowler, Noll and Vo.
enum Digest {
    static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return digest
    }
}
