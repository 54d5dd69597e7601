import TertibRuntime
import TertibCore

/// The store of a world of relays.
extension RelayScript: ConsumerStore {
    func migrate() async throws {}

    func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        guard pending == nil else { throw RelaySuspended() }
        let result = try body(ScriptedTransaction(vocabulary, answers: [], outbox: self))
        try commit()
        return result
    }

    func read<Result: Sendable>(_ body: @escaping @Sendable (any StoreReader) throws -> Result) async throws -> Result {
        guard pending == nil else { throw RelaySuspended() }
        return try body(RelayReader(script: self))
    }

    func close() async {}
}

/// What a relay reads of its outbox.
private final class RelayReader: StoreReader {
    private let script: RelayScript

    init(script: RelayScript) {
        self.script = script
    }

    func now() throws -> Timestamp { ExplorerVocabulary.now }

    func outboxSummary() throws -> OutboxSummary {
        guard case .number(let rows)? = script.answer(.summary) else { throw RelaySuspended() }
        return OutboxSummary(rows: rows, oldestStagedAt: nil)
    }

    func outboxRows(of aggregate: Aggregate?, limit: Int) throws -> [OutboxRow] {
        guard let aggregate else { throw ScriptedTransaction.unknown("read all rows") }
        let call = RelayCall.rows(aggregate: script.vocabulary.index(of: aggregate))
        guard case .rows(let mask)? = script.answer(call) else { throw RelaySuspended() }
        return Array(script.rows(mask).prefix(limit))
    }

    // MARK: - What no relay reads

    func consumers() throws -> [ConsumerName: ConsumerRegistration] { [:] }

    func summary(_ consumer: ConsumerName, stuckBefore: Timestamp) throws -> ConsumerSummary {
        throw ScriptedTransaction.unknown("summarise")
    }

    func watermarks(_ consumer: ConsumerName, after aggregate: Aggregate?, limit: Int) throws -> [Watermark] { [] }

    func watermark(_ consumer: ConsumerName, of aggregate: Aggregate) throws -> Watermark? { nil }

    func parkedRows(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [ParkedEvent] { [] }

    func deadLetters(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [DeadLetter] { [] }

    func head(of aggregate: Aggregate) throws -> AggregateHead? {
        throw ScriptedTransaction.unknown("read a head")
    }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] { throw ScriptedTransaction.unknown(sql) }
}
