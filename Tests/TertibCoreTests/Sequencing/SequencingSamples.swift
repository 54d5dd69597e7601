import TertibCore

/// Events for the machines of a batch.
enum Sample {
    static func aggregate(_ id: String = "1") throws -> Aggregate { try Aggregate(parsing: "product/\(id)") }

    static func version(_ number: Int) throws -> AggregateVersion {
        guard let version = AggregateVersion(Int64(number)) else { throw IdentityError("version", "is out of range") }
        return version
    }

    static func arrival(
        _ number: Int, of id: String = "1", event: String? = nil, sequence: Int? = nil, ticket: Int? = nil
    ) throws -> Arrival {
        let envelope = Envelope(
            id: try EventID(event ?? "e\(number)"), source: try EventSource("/test"), type: try EventType("t"),
            aggregate: try aggregate(id), version: try version(number), body: Array("{}".utf8))
        let codec = WireCodec(namespace: try Namespace("test"))
        return Arrival(
            ticket: .init(ticket ?? number), origin: .delivery, envelope: envelope, message: codec.encode(envelope),
            sequence: StreamSequence(UInt64(sequence ?? number)))
    }

    static func watermark(
        _ number: Int, of id: String = "1", parked: Int = 0, status: AggregateStatus = .ok
    ) throws -> Watermark {
        Watermark(
            aggregate: try aggregate(id), version: try version(number),
            eventID: number == 0 ? nil : try EventID("e\(number)"), streamSequence: StreamSequence(UInt64(number)),
            parked: parked, status: status, revision: 1)
    }

    static func row(
        _ number: Int, event: String? = nil, sequence: Int? = nil, reason: ParkReason = .gap, attempts: Int = 0,
        due: Int64? = nil
    ) throws -> ParkedEvent {
        let arrival = try arrival(number, event: event)
        return ParkedEvent(
            aggregate: arrival.aggregate, version: arrival.version, eventID: arrival.envelope.id,
            streamSequence: StreamSequence(UInt64(sequence ?? number)), stored: StoredEnvelope.encode(arrival.message),
            reason: reason, parkedAt: Timestamp(microseconds: 0), attempts: attempts,
            nextAttemptAt: due.map { Timestamp(microseconds: $0) })
    }

    static func conditions(
        now: Int64 = 1_000_000, isWake: Bool = false, limit: Int = 1000, holdable: Set<Arrival.Ticket> = [],
        maxAttempts: Int = 3
    ) -> AggregatePass.Conditions {
        .init(
            now: Timestamp(microseconds: now), isWake: isWake, retry: RetryPolicy(maxAttempts: maxAttempts),
            jitter: 0.5,
            limit: limit, holdable: holdable)
    }
}

/// Runs a pass against rows that a database would have, failing where asked.
struct PassDriver {
    var pass: AggregatePass
    var rows: [ParkedEvent]
    var failing: Set<Int64> = []
    /// The open dead letters, for a pass that was begun without them.
    var letters: [DeadLetterKey] = []
    private(set) var reads = 0

    init(_ pass: AggregatePass, rows: [ParkedEvent] = [], failing: Set<Int64> = []) {
        self.pass = pass
        self.rows = rows.sorted { $0.version < $1.version }
        self.failing = failing
    }

    /// Runs to the end, as the shell does, and returns the watermark to write.
    mutating func run() -> Watermark {
        loop: while true {
            switch pass.next() {
            case .readParked(let version):
                reads += 1
                let page = rows.filter { $0.version >= version }.prefix(2)
                pass.supply(Array(page), isComplete: page.count < 2)
            case .readDeadLetters:
                pass.supply(deadLetters: letters)
            case .apply(let event):
                if failing.contains(event.version.number) { pass.failed(HandlerFailure("no")) } else { pass.applied() }
            case .rest:
                break loop
            }
        }
        var removed = 0
        if pass.drains {
            removed = rows.count { $0.version <= pass.drainedThrough }
            rows.removeAll { $0.version <= pass.drainedThrough }
        }
        for row in pass.rowsToPark {
            if let existing = rows.first(where: { $0.version == row.version }) {
                if pass.needsDeadLetters(toResolve: existing) { pass.supply(deadLetters: letters) }
                pass.resolve(existing: existing)
            } else {
                rows.append(row)
            }
        }
        for row in pass.rowsToReplace {
            rows.removeAll { $0.version == row.version }
            rows.append(row)
        }
        rows.sort { $0.version < $1.version }
        return pass.finish(removed: removed)
    }
}
