import TertibRuntime
import TertibCore

/// Judges a database and its stream at rest, one oracle after the other.
struct Verdict: Sendable {
    let stream: StreamFacts
    let database: DatabaseFacts
    let attempts: AttemptFacts
    /// What is wrong; empty when nothing is.
    private(set) var violations: [LabViolation] = []

    /// Judges everything.
    init(stream: StreamFacts, database: DatabaseFacts, attempts: AttemptFacts) {
        self.stream = stream
        self.database = database
        self.attempts = attempts
        violations = stream.violations
        for aggregate in stream.entries.keys.sorted() {
            judgeRow(aggregate)
            judgeLedger(aggregate)
            judgeRest(aggregate)
            judgeOrder(aggregate)
        }
        judgeStrangers()
        judgeAttempts()
        judgeParked()
        judgeIsolation()
        judgeForks()
        judgeOutbox()
        judgeStaged()
        judgeEchoes()
    }

    fileprivate mutating func add(_ oracle: LabOracle, _ what: String) {
        violations.append(LabViolation(oracle, what))
    }

    /// Up to which version an aggregate is to be applied: a poisoned one not beyond its last good version.
    fileprivate func wanted(_ aggregate: Aggregate) -> Int64 {
        let whole = stream.contiguous(aggregate)
        return aggregate.isPoisoned ? min(whole, ForeignLoad.poisonVersion - 1) : whole
    }
}

/// Rows, ledger, rest.
extension Verdict {
    private mutating func judgeRow(_ aggregate: Aggregate) {
        let version = database.marks[aggregate]?.version ?? 0
        guard let row = database.rows[aggregate] else {
            if version > 0 { add(.fold, "\(aggregate) is at version \(version) and has no row") }
            return
        }
        var value = Fold.start
        for number in stride(from: 1, through: version, by: 1) {
            value = Fold.next(value, applied(aggregate, number)?.amount ?? 0)
        }
        let history = stride(from: 1, through: version, by: 1).map { String($0) }.joined(separator: ",")
        if row.version != version {
            add(.fold, "\(aggregate)'s row is at version \(row.version), its watermark at \(version)")
        }
        if row.value != Int64(value) {
            add(.fold, "\(aggregate)'s value is \(row.value), its events 1 to \(version) give \(value)")
        }
        if row.history != history {
            add(.fold, "\(aggregate)'s history is \(row.history.suffix(60)) instead of 1 to \(version)")
        }
    }

    private mutating func judgeLedger(_ aggregate: Aggregate) {
        let version = database.marks[aggregate]?.version ?? 0
        let ledger = database.ledger[aggregate] ?? [:]
        if Int64(ledger.count) != version {
            add(.ledger, "\(aggregate) is at version \(version), and \(ledger.count) effects are in the ledger")
        }
        for (number, row) in ledger {
            guard let entry = stream.entries[aggregate]?[number] else {
                add(.ledger, "version \(number) of \(aggregate) took effect, and the stream does not have it")
                continue
            }
            if entry.eventID != row.eventID, !aggregate.isForked {
                add(.ledger, "version \(number) of \(aggregate) took effect by another event than the stream's first")
            }
            if !attempts.begun.contains(row.attempt) {
                add(.ledger, "version \(number) of \(aggregate) took effect, and no handler has begun with it")
            }
        }
    }

    private mutating func judgeRest(_ aggregate: Aggregate) {
        let version = database.marks[aggregate]?.version ?? 0
        let wanted = wanted(aggregate)
        if version != wanted {
            let next = stream.entries[aggregate]?[version + 1].map { ", the next at sequence \($0.sequence)" } ?? ""
            add(.rest, "\(aggregate) is at version \(version), the stream has \(wanted) to apply\(next)")
        }
        let highest = stream.entries[aggregate]?.keys.max() ?? 0
        let whole = stream.contiguous(aggregate)
        if highest > whole {
            add(.publishing, "\(aggregate) has version \(highest) in the stream, and \(whole + 1) was never published")
        }
    }

    private mutating func judgeStrangers() {
        for aggregate in database.rows.keys.sorted() where stream.entries[aggregate] == nil {
            add(.fold, "\(aggregate) has a row, and the stream knows nothing of it")
        }
        for aggregate in database.marks.keys.sorted() where stream.entries[aggregate] == nil {
            add(.bounds, "\(aggregate) has a watermark, and the stream knows nothing of it")
        }
    }

    private mutating func judgeAttempts() {
        for repetition in attempts.repetitions {
            add(.ledger, "a second application was tried behind the fence: \(repetition)")
        }
    }
}

/// Parked rows and dead letters.
extension Verdict {
    private mutating func judgeParked() {
        var counts: [Aggregate: Int64] = [:]
        for row in database.parked {
            counts[row.aggregate, default: 0] += 1
            let version = database.marks[row.aggregate]?.version ?? 0
            if row.version <= version {
                add(.watermarks, "\(row.aggregate) is at version \(version), and version \(row.version) is parked")
            }
            if !row.aggregate.isPoisoned {
                add(.rest, "version \(row.version) of \(row.aggregate) is still parked (\(row.reason))")
            }
        }
        for (aggregate, mark) in database.marks where mark.parked != counts[aggregate] ?? 0 {
            add(
                .watermarks,
                "\(aggregate)'s watermark says \(mark.parked) parked rows, and there are \(counts[aggregate] ?? 0)")
        }
    }

    private mutating func judgeIsolation() {
        for letter in database.deadLetters {
            if letter.aggregate.isForked { continue }
            if !letter.aggregate.isPoisoned {
                add(.isolation, "version \(letter.version) of \(letter.aggregate) is a dead letter, and is not poison")
            } else if letter.version != ForeignLoad.poisonVersion {
                add(
                    .isolation,
                    "version \(letter.version) of \(letter.aggregate) is blamed, the poison is version "
                        + "\(ForeignLoad.poisonVersion)")
            }
        }
        for aggregate in stream.entries.keys.sorted() where aggregate.isPoisoned {
            guard stream.contiguous(aggregate) >= ForeignLoad.poisonVersion else { continue }
            let letters = database.deadLetters.filter { $0.aggregate == aggregate }
            if letters.count != 1 { add(.isolation, "\(aggregate) has \(letters.count) dead letters instead of one") }
            let status = database.marks[aggregate]?.status ?? "unknown"
            if status != "quarantined" { add(.isolation, "\(aggregate) is \(status) instead of quarantined") }
        }
        for (aggregate, mark) in database.marks
        where !aggregate.isPoisoned && !aggregate.isForked && mark.status != "ok" {
            add(.rest, "\(aggregate) is still \(mark.status)")
        }
    }
}

/// Forks.
extension Verdict {
    /// The event that took effect as a version: of two, the one that the ledger has.
    fileprivate func applied(_ aggregate: Aggregate, _ version: Int64) -> StreamFacts.Entry? {
        if let other = stream.forks[aggregate]?[version], let row = database.ledger[aggregate]?[version],
            row.eventID == other.eventID
        {
            return other
        }
        return stream.entries[aggregate]?[version]
    }

    /// The stream's first event of the version has taken effect, and the other one is a dead letter; or the other one
    /// has, and the aggregate is quarantined.
    private mutating func judgeForks() {
        for (aggregate, forks) in stream.forks.sorted(by: { $0.key < $1.key }) {
            let status = database.marks[aggregate]?.status ?? "unknown"
            let letters = database.deadLetters.filter { $0.aggregate == aggregate }
            for (version, other) in forks {
                let isCanonical = database.ledger[aggregate]?[version]?.eventID != other.eventID
                let wanted = isCanonical ? "ok" : "quarantined"
                if status != wanted {
                    add(.forks, "\(aggregate) has two events of version \(version), and is \(status), not \(wanted)")
                }
                // One dead letter an event, however many copies of it come after it; one that stands before those known
                // tells something new. The event that has taken effect may have one too: when a copy of it came first,
                // of a higher sequence than the other event's.
                let unapplied = isCanonical ? other : stream.entries[aggregate]?[version] ?? other
                let isComplete = letters.contains { $0.eventID == unapplied.eventID }
                let isNews = Dictionary(grouping: letters, by: \.eventID).values.allSatisfy { letters in
                    zip(letters, letters.dropFirst()).allSatisfy { $0.sequence > $1.sequence }
                }
                let areForks = letters.allSatisfy { $0.version == version && $0.reason == "forked" }
                if !isComplete || !isNews || !areForks {
                    add(
                        .forks,
                        "\(aggregate) has two events of version \(version), and as dead letters the versions "
                            + "\(letters.map(\.version))")
                }
            }
        }
    }
}

/// What the service has published itself.
extension Verdict {
    private mutating func judgeOrder(_ aggregate: Aggregate) {
        guard !ForeignLoad.types.contains(aggregate.type.text) else { return }
        var last: UInt64 = 0
        for (version, entry) in (stream.entries[aggregate] ?? [:]).sorted(by: { $0.key < $1.key }) {
            if entry.sequence < last {
                add(.publishing, "version \(version) of \(aggregate) stands in the stream before its predecessor")
            }
            last = max(last, entry.sequence)
        }
    }

    private mutating func judgeOutbox() {
        if database.unpublished > 0 { add(.publishing, "\(database.unpublished) events were never published") }
        for (aggregate, head) in database.heads where aggregate.type.text != AppendLoop.type {
            let whole = stream.contiguous(aggregate)
            if head.version != whole || head.published != whole {
                add(
                    .publishing,
                    "\(aggregate) has \(head.version) staged and \(head.published) published versions, and the stream "
                        + "has \(whole)")
            }
        }
    }

    private mutating func judgeStaged() {
        var published = 0
        for (aggregate, versions) in stream.entries where aggregate.type.text == StagedLoad.type {
            published += versions.count
            for (version, entry) in versions {
                let staged = DatabaseFacts.Staged(aggregate: aggregate, version: version)
                if database.staged[entry.number] != staged {
                    add(
                        .publishing, "version \(version) of \(aggregate) is published, and its transaction is not there"
                    )
                }
            }
        }
        if published != database.staged.count {
            add(.publishing, "\(database.staged.count) events were staged for good, and \(published) are published")
        }
    }

    private mutating func judgeEchoes() {
        for (aggregate, mark) in database.marks where aggregate.type.text == ForeignLoad.type {
            guard let echo = try? Aggregate(lab: LedgerHandler.echoType, aggregate.id.text) else { continue }
            let answers = mark.version / LedgerHandler.echoInterval
            let published = Int64(stream.entries[echo]?.count ?? 0)
            if answers != published {
                add(.publishing, "\(aggregate) has been answered \(answers) times, and \(echo) has \(published) events")
            }
        }
    }
}

extension Aggregate {
    /// Whether one of its events can never be applied.
    var isPoisoned: Bool { type.text == ForeignLoad.poisonType }
    /// Whether it has two events of one version.
    var isForked: Bool { type.text == ForeignLoad.forkType }
}
