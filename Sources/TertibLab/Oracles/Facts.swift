import Foundation
import TertibCore
import TertibRuntime

/// What the stream holds, read from outside, message by message. An event is kept as a few numbers, so that millions
/// fit.
struct StreamFacts: Sendable {
    /// One message.
    struct Entry: Hashable, Sendable {
        var version: Int64
        /// Digests of the event's id and of its body.
        var eventID: UInt64
        var content: UInt64
        var sequence: UInt64
        var amount: Int
        var number: Int
    }

    /// By aggregate, in the order of the stream.
    private(set) var entries: [Aggregate: [Entry]] = [:]
    /// The sequences of messages that break the wire contract.
    private(set) var malformed: [UInt64] = []
    /// All messages.
    private(set) var messages = 0

    init() {}

    /// Different events: what is stored several times counts once.
    var events: Int {
        entries.values.reduce(malformed.count) { sum, entries in
            sum + Set(entries.map { [UInt64(bitPattern: $0.version), $0.eventID] }).count
        }
    }

    mutating func add(_ message: LoggedMessage, _ codec: WireCodec) {
        messages += 1
        guard let envelope = try? codec.decode(message.message) else {
            malformed.append(message.sequence.number)
            return
        }
        entries[envelope.aggregate, default: []].append(Self.entry(envelope, at: message.sequence.number))
    }

    static func entry(_ envelope: Envelope, at sequence: UInt64) -> Entry {
        // Another body than the lab's has no amount, which the oracle of the rows finds.
        let payload = try? JSONDecoder().decode(Moved.self, from: Data(envelope.body))
        return Entry(
            version: envelope.version.number, eventID: Digest.of(envelope.id.text.utf8),
            content: Digest.of(envelope.body), sequence: sequence, amount: payload?.amount ?? 0,
            number: payload?.number ?? 0)
    }

    /// Adds what the stream had before it was removed, before everything else.
    mutating func add(removed events: [(aggregate: Aggregate, entry: Entry)]) {
        for (aggregate, entry) in events {
            guard entries[aggregate]?.contains(where: { $0.version == entry.version }) != true else { continue }
            entries[aggregate, default: []].append(entry)
            entries[aggregate]?.sort { ($0.sequence, $0.version) < ($1.sequence, $1.version) }
            messages += 1
        }
    }

    /// Reads a whole stream, many reads in flight.
    static func read(from log: any EventLog, codec: WireCodec) async throws -> StreamFacts {
        let last = try await log.state().lastSequence.number
        var facts = StreamFacts()
        try await withThrowingTaskGroup(of: (first: UInt64, messages: [LoggedMessage]).self) { group in
            var next: UInt64 = 1
            func addNext() {
                guard next <= last else { return }
                let range = next...min(last, next + stretch - 1)
                next = range.upperBound + 1
                group.addTask { (range.lowerBound, try await read(range, log)) }
            }
            for _ in 0..<readsInFlight { addNext() }
            // They come back in any order, and are added in the stream's.
            var waiting: [UInt64: [LoggedMessage]] = [:]
            var due: UInt64 = 1
            while let read = try await group.next() {
                waiting[read.first] = read.messages
                while let messages = waiting.removeValue(forKey: due) {
                    for message in messages { facts.add(message, codec) }
                    due += stretch
                }
                addNext()
            }
        }
        return facts
    }

    private static let readsInFlight = 128
    private static let stretch: UInt64 = 32

    private static func read(_ range: ClosedRange<UInt64>, _ log: any EventLog) async throws -> [LoggedMessage] {
        var messages: [LoggedMessage] = []
        for sequence in range {
            guard let message = try await log.message(at: StreamSequence(sequence), from: .leader) else { continue }
            messages.append(message)
        }
        return messages
    }
}

/// What the database holds, read with plain SQL: nothing of the product's own readers.
struct DatabaseFacts: Sendable {
    /// What there is about one aggregate.
    struct Rows: Sendable {
        /// The handler's row.
        var row: (version: Int64, value: Int64, history: String)?
        /// By version; digests of the event's id, and of the attempt that must have been begun before.
        var ledger: [Int64: (eventID: UInt64, attempt: UInt64)] = [:]
        var watermark: Watermark?
        var parked: [ParkedEvent] = []
        /// In the order in which they failed first.
        var deadLetters: [DeadLetter] = []
        var head: AggregateHead?
        /// The versions that were staged and not published, with the digests of their events' ids.
        var unpublished: [Int64: UInt64] = [:]
        /// What was staged by the load, by version: the number in the payload.
        var staged: [Int64: Int] = [:]
    }

    private(set) var rows: [Aggregate: Rows] = [:]

    init() {}

    /// The number of dead letters.
    var deadLetters: Int { rows.values.reduce(0) { $0 + $1.deadLetters.count } }

    /// Reads a database.
    static func read(from store: any ConsumerStore) async throws -> DatabaseFacts {
        try await store.read { reader in
            var facts = DatabaseFacts()
            try facts.readEffects(reader)
            try facts.readConsumer(reader)
            try facts.readPublishing(reader)
            return facts
        }
    }

    private mutating func readEffects(_ reader: any StoreReader) throws {
        try each("SELECT aggregate_type, aggregate_id, version, value, history FROM lab_row", reader) { row, rows in
            rows.row = (row.number("version"), row.number("value"), row["history"].text ?? "")
        }
        try each("SELECT aggregate_type, aggregate_id, version, event_id FROM lab_ledger", reader) { row, rows in
            let (aggregate, version, id) = (try row.aggregate(), row.number("version"), row["event_id"].text ?? "")
            let attempt = AttemptFacts.digest(aggregate.type.text, aggregate.id.text, version, eventID: id)
            rows.ledger[version] = (Digest.of(id.utf8), attempt)
        }
    }

    private mutating func readConsumer(_ reader: any StoreReader) throws {
        let own = "WHERE consumer = '\(LabNames.consumer)'"
        try each(
            "SELECT aggregate_type, aggregate_id, version, status, parked, revision FROM tertib_watermark \(own)",
            reader
        ) { row, rows in
            let status = AggregateStatus(rawValue: row["status"].text ?? "") ?? .stuck
            rows.watermark = Watermark(
                aggregate: try row.aggregate(), version: row.version, parked: Int(row.number("parked")),
                status: status, revision: row.number("revision"))
        }
        try each(
            "SELECT aggregate_type, aggregate_id, version, event_id, reason, attempts, stream_sequence "
                + "FROM tertib_parked \(own) ORDER BY version", reader
        ) { row, rows in
            rows.parked.append(
                ParkedEvent(
                    aggregate: try row.aggregate(), version: row.version, eventID: try row.eventID,
                    streamSequence: row.sequence, stored: [],
                    reason: ParkReason(rawValue: row["reason"].text ?? "") ?? .gap,
                    parkedAt: Timestamp(microseconds: 0), attempts: Int(row.number("attempts"))))
        }
        try each(
            "SELECT aggregate_type, aggregate_id, version, event_id, reason, attempts, stream_sequence "
                + "FROM tertib_dead_letter \(own) AND resolution IS NULL ORDER BY first_failed_at", reader
        ) { row, rows in
            rows.deadLetters.append(
                DeadLetter(
                    id: "", aggregate: try row.aggregate(), version: row.version, eventID: try row.eventID,
                    streamCreatedAt: Timestamp(microseconds: 0), streamSequence: row.sequence,
                    message: WireMessage(subject: "", headers: [], body: []),
                    reason: DeadLetterReason(rawValue: row["reason"].text ?? "") ?? .malformed, error: "",
                    attempts: Int(row.number("attempts")),
                    // In order, which is all that counts.
                    failedAt: Timestamp(microseconds: Int64(rows.deadLetters.count))))
        }
    }

    private mutating func readPublishing(_ reader: any StoreReader) throws {
        try each("SELECT aggregate_type, aggregate_id, version, published_version FROM tertib_head", reader) {
            row, rows in
            rows.head = AggregateHead(
                aggregate: try row.aggregate(), version: row.version,
                publishedVersion: AggregateVersion(row.number("published_version")) ?? .none)
        }
        try each(
            "SELECT aggregate_type, aggregate_id, version, event_id FROM tertib_outbox WHERE published_at IS NULL",
            reader
        ) { row, rows in
            rows.unpublished[row.number("version")] = Digest.of((row["event_id"].text ?? "").utf8)
        }
        try each("SELECT number, aggregate_type, aggregate_id, version FROM lab_staged", reader) { row, rows in
            rows.staged[row.number("version")] = Int(row.number("number"))
        }
    }

    private mutating func each(
        _ sql: String, _ reader: any StoreReader, _ body: (SQLRow, inout Rows) throws -> Void
    ) throws {
        for row in try reader.query(sql, arguments: []) { try body(row, &rows[try row.aggregate(), default: Rows()]) }
    }
}

extension SQLRow {
    /// A column's whole number; 0 if it has none.
    func number(_ column: String) -> Int64 { self[column].integer ?? 0 }

    /// The aggregate of a row.
    func aggregate() throws -> Aggregate {
        try Aggregate(lab: self["aggregate_type"].text ?? "", self["aggregate_id"].text ?? "")
    }

    var version: AggregateVersion { AggregateVersion(number("version")) ?? .none }
    fileprivate var sequence: StreamSequence { StreamSequence(UInt64(bitPattern: number("stream_sequence"))) }
    fileprivate var eventID: EventID {
        get throws { try Digest.eventID(Digest.of((self["event_id"].text ?? "").utf8)) }
    }
}

/// What the replicas' handlers have begun, read from their files.
struct AttemptFacts: Sendable {
    /// Digests of `TYPE ID VERSION EVENT`.
    private(set) var begun: Set<UInt64> = []
    /// Attempts in all.
    private(set) var count = 0
    /// Digests of those that the ledger refused as a second application.
    private(set) var repetitions: [UInt64: String] = [:]

    init() {}

    /// Adds the lines of a replica's file. The last line of a killed one may be cut off.
    mutating func add(_ text: some StringProtocol) {
        for line in text.split(separator: "\n") {
            let rest = line.dropFirst(2)
            switch line.first {
            case "A":
                begun.insert(Digest.of(rest.utf8))
                count += 1
            case "!": repetitions[Digest.of(rest.utf8)] = String(rest)
            default: continue
            }
        }
    }

    /// Reads a file, piece by piece.
    mutating func read(_ path: String) throws {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        var rest = Data()
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
            rest += piece
            guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { continue }
            add(String(decoding: rest[...end], as: UTF8.self))
            rest = Data(rest[(end + 1)...])
        }
    }

    /// What stands for the attempt at an event.
    static func digest(_ type: String, _ id: String, _ version: Int64, eventID: String) -> UInt64 {
        Digest.of("\(type) \(id) \(version) \(eventID)".utf8)
    }
}

/// A number for bytes: 64-bit FNV-1a, by Fowler, Noll and Vo.
enum Digest {
    static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return digest
    }

    /// What stands for the id with a digest.
    static func eventID(_ digest: UInt64) throws -> EventID { try EventID(String(digest, radix: 16)) }
}
