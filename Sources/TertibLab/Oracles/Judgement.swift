import Foundation
import TertibCore
import TertibRuntime
import TertibTesting

/// Judges a database and its stream at rest by the oracles of model checker and simulator.
///
/// Each aggregate is reported by itself, as if it were the only one: what was staged, then every message of the stream,
/// the handlers that have begun, one commit of everything, and the rest. So an oracle never holds more than one
/// aggregate's history.
struct Judgement {
    let stream: StreamFacts
    let database: DatabaseFacts
    let attempts: AttemptFacts
    /// What is wrong; empty if nothing is.
    private(set) var violations: [Violation] = []

    init(stream: StreamFacts, database: DatabaseFacts, attempts: AttemptFacts) throws {
        self.stream = stream
        self.database = database
        self.attempts = attempts
        var oracles = Self.settings().oracles
        for sequence in stream.malformed {
            let message = Self.message(at: sequence)
            violations += oracles.observe(.stored(message, nil))
        }
        let aggregates = Set(stream.entries.keys).union(database.rows.keys)
        for aggregate in aggregates.sorted() { try judge(aggregate) }
        for text in attempts.repetitions.values.sorted() {
            violations.append(
                Violation(oracle: AppliedOnceOracle().name, statement: "the ledger has refused \(text) a second time"))
        }
    }

    /// What the oracles have to know of the lab's events.
    static func settings() -> OracleSettings {
        var settings = OracleSettings()
        settings.published = types([StagedLoad.type, LedgerHandler.echoType])
        settings.forked = types([ForeignLoad.forkType])
        settings.stopped = types([ForeignLoad.forkType, ForeignLoad.poisonType])
        settings.isOrderly = true
        return settings
    }

    private static func types(_ names: [String]) -> Set<AggregateType> {
        // Constants, all of which are types.
        Set(names.compactMap { try? AggregateType($0) })
    }

    // MARK: - One aggregate

    private mutating func judge(_ aggregate: Aggregate) throws {
        let rows = database.rows[aggregate] ?? DatabaseFacts.Rows()
        let entries = stream.entries[aggregate] ?? []
        var settings = Self.settings()
        if aggregate.type.text == ForeignLoad.poisonType, let version = AggregateVersion(ForeignLoad.poisonVersion) {
            settings.bad = [EventVersion(aggregate, version)]
            settings.failing = settings.bad
        }
        var oracles = settings.oracles
        func report(_ observation: Observation) { violations += oracles.observe(observation) }
        report(.committed(CommitObservation(changes: [], staged: try staged(aggregate, rows, entries), parkedInAll: 0)))
        let events = try entries.map { try Self.event($0, of: aggregate) }
        for (entry, event) in zip(entries, events) { report(.stored(Self.message(at: entry.sequence), event)) }
        var ledger: [LedgerEntry] = []
        for (number, row) in rows.ledger.sorted(by: { $0.key < $1.key }) {
            let entry = LedgerEntry(
                aggregate: aggregate, version: AggregateVersion(number) ?? .none,
                eventID: try Digest.eventID(row.eventID))
            ledger.append(entry)
            if attempts.begun.contains(row.attempt) { report(.attempted(entry)) }
        }
        var watermark = rows.watermark
        let applied = try rows.ledger[rows.watermark?.version.number ?? 0].map { try Digest.eventID($0.eventID) }
        watermark?.eventID = applied
        let change = CommitObservation.Change(
            aggregate: aggregate, before: nil, after: watermark, parked: rows.parked, changesParked: false,
            applied: ledger, deadLetters: rows.deadLetters)
        report(.committed(CommitObservation(changes: [change], staged: [], parkedInAll: rows.parked.count)))
        var rest = RestObservation()
        rest.watermarks = [watermark].compactMap(\.self)
        (rest.parked, rest.deadLetters, rest.ledger, rest.events) = (rows.parked, rows.deadLetters, ledger, events)
        if aggregate.type.text != AppendLoop.type { rest.heads = [rows.head].compactMap(\.self) }
        rest.unpublished = try rows.unpublished.map { try Self.outboxRow(aggregate, $0.key, $0.value) }
        try readRow(of: aggregate, rows, entries, &rest)
        report(.rest(rest))
    }

    /// The handler's row: its history as the events that have taken effect, and its value against the value that they
    /// give.
    private func readRow(
        of aggregate: Aggregate, _ rows: DatabaseFacts.Rows, _ entries: [StreamFacts.Entry],
        _ rest: inout RestObservation
    ) throws {
        guard let row = rows.row else { return }
        rest.states[aggregate] = try row.history.split(separator: ",").map { version in
            // A version without an effect has no event, and so no id of one.
            guard let effect = Int64(version).flatMap({ rows.ledger[$0] }) else { return try EventID("none") }
            return try Digest.eventID(effect.eventID)
        }
        var value = Fold.start
        for (version, effect) in rows.ledger.sorted(by: { $0.key < $1.key }) {
            let entry = entries.first { $0.version == version && $0.eventID == effect.eventID }
            value = Fold.next(value, entry?.amount ?? 0)
        }
        let version = rows.watermark?.version.number ?? 0
        rest.folds[aggregate] = ("\(row.value) at version \(row.version)", "\(value) at version \(version)")
    }

    /// What this database has staged of an aggregate: what the load has noted, the answers to the events that were
    /// applied, and what still stands in the outbox. Their events are known by what the stream has of them.
    private func staged(
        _ aggregate: Aggregate, _ rows: DatabaseFacts.Rows, _ entries: [StreamFacts.Entry]
    ) throws -> [OutboxRow] {
        var staged = rows.unpublished
        for (version, number) in rows.staged {
            staged[version] = entries.first { $0.version == version && $0.number == number }?.eventID ?? 0
        }
        if aggregate.type.text == LedgerHandler.echoType {
            let origin = try Aggregate(lab: ForeignLoad.type, aggregate.id.text)
            let applied = database.rows[origin]?.watermark?.version.number ?? 0
            for version in stride(from: 1, through: applied / LedgerHandler.echoInterval, by: 1) {
                staged[version] = staged[version] ?? entries.first { $0.version == version }?.eventID ?? 0
            }
        }
        return try staged.map { try Self.outboxRow(aggregate, $0.key, $0.value) }
    }

    private static func outboxRow(_ aggregate: Aggregate, _ version: Int64, _ eventID: UInt64) throws -> OutboxRow {
        OutboxRow(
            position: 0, aggregate: aggregate, version: AggregateVersion(version) ?? .none,
            eventID: try Digest.eventID(eventID), stored: [], stagedAt: Timestamp(microseconds: 0))
    }

    private static func event(_ entry: StreamFacts.Entry, of aggregate: Aggregate) throws -> Envelope {
        Envelope(
            id: try Digest.eventID(entry.eventID), source: try EventSource("/lab"),
            type: try EventType(Moved.eventType), aggregate: aggregate,
            version: AggregateVersion(entry.version) ?? .none, body: Array("\(entry.content)".utf8))
    }

    private static func message(at sequence: UInt64) -> LoggedMessage {
        LoggedMessage(
            message: WireMessage(subject: "", headers: [], body: []), sequence: StreamSequence(sequence),
            storedAt: Timestamp(microseconds: 0))
    }
}

extension Judgement {
    /// The maximum number of acknowledgements of one replica that are looked at.
    private static let limit = 512

    /// What of these messages was acknowledged by a replica that was killed, and is not in the database: asked at once.
    static func ofAcknowledged(
        _ sequences: [UInt64], by tertib: EventBus
    ) async throws -> (checked: Int, violations: [Violation]) {
        let codec = WireCodec(namespace: tertib.options.namespace)
        // A message that was trimmed meanwhile is left out.
        let messages = try await withThrowingTaskGroup(of: LoggedMessage?.self) { group in
            for sequence in sequences.prefix(limit) {
                group.addTask { try await tertib.log.message(at: StreamSequence(sequence), from: .leader) }
            }
            return try await group.reduce(into: [LoggedMessage]()) { $0 += [$1].compactMap(\.self) }
        }
        let events = try messages.map { ($0.sequence, try codec.decode($0.message)) }
        let violations = try await tertib.store.read { reader in
            var oracles: [any Oracle] = [AcknowledgementOracle()]
            return try events.flatMap { sequence, event in
                var observation = AcknowledgementObservation(sequence, event: event)
                try observation.read(event, reader)
                return oracles.observe(.acknowledged(observation))
            }
        }
        return (messages.count, violations)
    }
}

extension AcknowledgementObservation {
    /// In words that both databases take: PostgreSQL takes the type of a value from what it is compared with.
    fileprivate mutating func read(_ event: Envelope, _ reader: any StoreReader) throws {
        let own = "WHERE consumer = '\(LabNames.consumer)' AND aggregate_type = ? AND aggregate_id = ?"
        let key: [SQLValue] = [.text(event.aggregate.type.text), .text(event.aggregate.id.text)]
        let keyed = key + [.integer(event.version.number)]
        if let row = try reader.query("SELECT version FROM tertib_watermark \(own)", arguments: key).first {
            watermark = Watermark(
                aggregate: event.aggregate, version: AggregateVersion(row.number("version")) ?? .none, revision: 1)
        }
        parked = try reader.query("SELECT event_id FROM tertib_parked \(own) AND version = ?", arguments: keyed).first
            .map { try EventID($0["event_id"].text ?? "") }
        isDeadLetter = try !reader.query(
            "SELECT version FROM tertib_dead_letter \(own) AND version = ?", arguments: keyed
        ).isEmpty
    }
}

/// What must not be seen in any log: it is put where a careless program would let it out.
enum Canary {
    /// In payloads, also of events that fail.
    static let payload = "canary-payload-5b1f"
    /// Behind a hostile aggregate id's number: it would colour a terminal, forge a line, and end a statement.
    static let id = "\u{1B}[31m\r\(forged) TABLE lab_row; --"
    private static let forged = "'; DROP"
    /// What shows that an id like that was logged.
    private static let witness = "DROP TABLE"

    /// What logs show.
    struct Finding: Hashable, Sendable {
        var lines = 0
        /// Lines about hostile ids.
        var hostileLines = 0
        var violations: [Violation] = []
    }

    /// Reads the replicas' logs.
    /// - Parameter secrets: What else must not be in them.
    static func read(logsIn folder: String, secrets: [String]) throws -> Finding {
        var finding = Finding()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        where name.hasPrefix("replica-") && name.hasSuffix(".log") {
            let log = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
            finding.add(log, of: name, secrets: secrets)
        }
        return finding
    }

    fileprivate static func oracle(secrets: [String]) -> LogOracle {
        var hidden = [payload: "a payload"]
        for secret in secrets { hidden[secret] = "a secret" }
        return LogOracle(hidden: hidden, forgedLine: forged)
    }

    fileprivate static func isHostile(_ line: Data) -> Bool {
        String(decoding: line, as: UTF8.self).contains(witness)
    }
}

extension Canary.Finding {
    /// Reads one log.
    mutating func add(_ log: Data, of name: String, secrets: [String]) {
        var oracles: [any Oracle] = [Canary.oracle(secrets: secrets)]
        for (index, line) in log.split(separator: UInt8(ascii: "\n")).enumerated() {
            lines += 1
            if Canary.isHostile(line) { hostileLines += 1 }
            violations += oracles.observe(.logged(Array(line), line: index + 1, of: name))
        }
    }
}
