import TertibCore

/// Events for the machines of a batch.
enum Sample {
    static let now = Timestamp(microseconds: 1_000_000)
    static let random: UInt64 = 7
    /// The jitter that the first failure of a transaction gets.
    static var jitter: Double {
        var random = SeededGenerator(seed: random)
        return random.fraction()
    }

    static func aggregate(_ id: String = "1") throws -> Aggregate { try Aggregate(parsing: "product/\(id)") }

    static func version(_ number: Int) throws -> AggregateVersion {
        guard let version = AggregateVersion(Int64(number)) else { throw IdentityError("version", "is out of range") }
        return version
    }

    static func codec() throws -> WireCodec { WireCodec(namespace: try Namespace("test")) }

    static func arrival(
        _ number: Int, of id: String = "1", event: String? = nil, sequence: Int? = nil, ticket: Int? = nil,
        origin: Arrival.Origin = .delivery
    ) throws -> Arrival {
        let envelope = Envelope(
            id: try EventID(event ?? "e\(number)"), source: try EventSource("/test"), type: try EventType("t"),
            aggregate: try aggregate(id), version: try version(number), body: Array("{}".utf8))
        return Arrival(
            ticket: .init(ticket ?? number), origin: origin, envelope: envelope,
            message: try codec().encode(envelope), sequence: StreamSequence(UInt64(sequence ?? number)))
    }

    static func malformed(ticket: Int) -> MalformedArrival {
        MalformedArrival(
            ticket: .init(ticket), message: WireMessage(subject: "test.bad"),
            sequence: StreamSequence(UInt64(ticket)), reason: MalformedReason(.subject, "no aggregate"), aggregate: nil)
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

    static func deadLetter(
        _ number: Int, event: String? = nil, sequence: Int? = nil, reason: DeadLetterReason = .failed
    ) throws -> DeadLetterKey {
        DeadLetterKey(
            aggregate: try aggregate(), version: try version(number), eventID: try EventID(event ?? "e\(number)"),
            reason: reason, streamSequence: StreamSequence(UInt64(sequence ?? number)))
    }

    static func rules(
        maxAttempts: Int = 3, drainLimit: Int = 1000, maxParked: Int = 1000, maxParkedTotal: Int = 100_000,
        pageSize: Int = 2
    ) throws -> BatchTransaction.Rules {
        BatchTransaction.Rules(
            settings: ConsumerSettings(
                name: try ConsumerName("tests"), retry: RetryPolicy(maxAttempts: maxAttempts),
                maxParkedPerAggregate: maxParked, maxParkedTotal: maxParkedTotal),
            registration: ConsumerRegistration(
                storeID: "store", stream: try StreamName("TEST"), streamCreatedAt: Timestamp(microseconds: 0)),
            codec: try codec(), drainLimit: drainLimit, pageSize: pageSize)
    }
}

/// A consumer's rows, which answer whatever step a machine takes.
struct SampleConsumer {
    var watermarks: [Aggregate: Watermark] = [:]
    var rows: [ParkedEvent] = []
    /// The open dead letters.
    var open: [DeadLetterKey] = []
    /// The versions whose handler fails.
    var failing: [Int64: HandlerFailure] = [:]
    /// The versions whose handler ends the transaction.
    var ending: Set<Int64> = []
    /// The aggregates that another replica has claimed.
    var claimedElsewhere: Set<Aggregate> = []
    var rules: BatchTransaction.Rules
    /// What every reading of the monotonic clock says.
    var times: [Duration] = []

    /// The steps taken, by name.
    private(set) var steps: [String] = []
    private(set) var applied: [EventKey] = []
    private(set) var saved: [DeadLetter] = []

    init(_ watermarks: Watermark..., rules: BatchTransaction.Rules? = nil) throws {
        for watermark in watermarks { self.watermarks[watermark.aggregate] = watermark }
        self.rules = try rules ?? Sample.rules()
    }

    /// How a transaction ended.
    enum End: Equatable {
        case finished(BatchReport)
        case gaveUp(BatchTransaction.Failure)
    }

    /// Brings a batch through one transaction; what it wrote is undone if it gives up.
    mutating func run(
        _ batch: Batch, mode: BatchTransaction.Mode = .careful(blamed: [:], until: .seconds(10)), knownParked: Int = 0,
        appliedLimit: Int = .max
    ) -> End {
        run(
            BatchTransaction(
                batch, mode: mode, rules: rules, knownParked: knownParked, appliedLimit: appliedLimit))
    }

    mutating func run(_ transaction: BatchTransaction) -> End {
        var transaction = transaction
        let before = self
        var input = BatchTransaction.Input.begun(at: Sample.now, random: Sample.random)
        while true {
            let step = transaction.advance(input)
            steps.append(String(String(describing: step).prefix { $0 != "(" }))
            switch step {
            case .finish(let report): return .finished(report)
            case .giveUp(let failure):
                let steps = steps
                self = before
                self.steps = steps
                return .gaveUp(failure)
            default: input = answer(step, transaction.batch)
            }
        }
    }

    private mutating func answer(_ step: BatchTransaction.Step, _ batch: Batch) -> BatchTransaction.Input {
        switch step {
        case .readWatermarks(let aggregates): return .watermarks(aggregates.map { watermarks[$0] })
        case .claim(let claims): return .claimed(claims.map { claimed($0) })
        case .readDeadLetters(let aggregates): return .deadLetters(open.filter { aggregates.contains($0.aggregate) })
        case .readTime: return .time(times.isEmpty ? .zero : times.removeFirst())
        case .readParked(let aggregate, let version, let limit):
            return .parked(Array(rows.filter { $0.aggregate == aggregate && $0.version >= version }.prefix(limit)))
        case .apply(let event, _):
            let key = batch.key(of: event)
            if ending.contains(key.version.number) { return .transactionLost(HandlerFailure("ended")) }
            if let failure = failing[key.version.number] { return .failed(failure) }
            applied.append(key)
            return .applied(hasStaged: false)
        case .deleteParked(let aggregate, let version):
            let count = rows.count
            rows.removeAll { $0.aggregate == aggregate && $0.version <= version }
            return .deleted(count - rows.count)
        case .park(let new):
            var there: [ParkedEvent] = []
            for row in new {
                if let known = rows.first(where: { $0.aggregate == row.aggregate && $0.version == row.version }) {
                    there.append(known)
                } else {
                    put(row)
                }
            }
            return .alreadyParked(there)
        case .replaceParked(let row): put(row)
        case .saveDeadLetter(let deadLetter): saved.append(deadLetter)
        case .writeWatermarks(let new): for watermark in new { watermarks[watermark.aggregate] = watermark }
        case .finish, .giveUp: break
        }
        return .done
    }

    private mutating func claimed(_ expected: Watermark) -> Watermark? {
        guard !claimedElsewhere.contains(expected.aggregate) else { return nil }
        var watermark = expected
        watermark.revision += 1
        watermarks[expected.aggregate] = watermark
        return watermark
    }

    private mutating func put(_ row: ParkedEvent) {
        rows.removeAll { $0.aggregate == row.aggregate && $0.version == row.version }
        rows.append(row)
        rows.sort { ($0.aggregate, $0.version) < ($1.aggregate, $1.version) }
    }
}

/// One aggregate's way through a transaction, and what it leaves behind.
struct SampleRun {
    let report: BatchReport
    let watermark: Watermark
    let rows: [ParkedEvent]
    let applied: [Int64]
    let steps: [String]
    let deadLetters: [DeadLetter]
    private let batch: Batch

    /// Runs arrivals of aggregate 1 through one careful transaction.
    init(
        _ claimed: Watermark, _ arrivals: [Arrival], rows: [ParkedEvent] = [], deadLetters: [DeadLetterKey] = [],
        failing: [Int64: HandlerFailure] = [:], isWake: Bool = false, holdable: Bool = false,
        rules: BatchTransaction.Rules? = nil, knownParked: Int = 0
    ) throws {
        var consumer = try SampleConsumer(claimed, rules: rules)
        consumer.rows = rows
        consumer.open = deadLetters
        consumer.failing = failing
        batch = Batch(
            arrivals: arrivals, wakes: isWake ? [claimed.aggregate] : [],
            holdable: arrivals.map { _ in holdable })
        guard case .finished(let report) = consumer.run(batch, knownParked: knownParked) else {
            throw IdentityError("transaction", "gave up")
        }
        self.report = report
        watermark = consumer.watermarks[claimed.aggregate] ?? claimed
        self.rows = consumer.rows
        applied = consumer.applied.map(\.version.number)
        steps = consumer.steps
        self.deadLetters = consumer.saved
    }

    /// What became of the arrivals, by ticket.
    var dispositions: [Int: Disposition] {
        Dictionary(
            zip(batch.arrivals, report.dispositions).compactMap { arrival, disposition in
                disposition.map { (arrival.ticket.number, $0) }
            }
        ) { first, _ in first }
    }

    /// The events that are dead letters now.
    var failures: [FailureNote] { report.failures.filter { $0.deadLetter != nil } }
}
