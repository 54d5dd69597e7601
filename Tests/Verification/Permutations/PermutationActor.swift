import TertibCore
import TertibRuntime
import TertibTesting

/// What one transaction of a script knows, and what its steps do with the store; used on the transaction's thread alone.
struct PermutationActor {
    /// Who it is, for ids that tell two transactions apart.
    let name: String
    private let consumer: ConsumerName
    private var read: [Aggregate: Watermark] = [:]
    private var won: [Aggregate: Watermark] = [:]
    private var heads: [Aggregate: AggregateHead] = [:]
    private var taken: [OutboxRow] = []

    init(_ name: String) throws {
        self.name = name
        consumer = try Sample.consumer()
    }

    /// Takes a step, and says what came of it.
    mutating func take(_ step: PermutationStep, in transaction: any StoreTransaction) throws -> String {
        switch step {
        case .read(let ids): try read(try Sample.each(ids) { try Sample.aggregate($0) }, in: transaction)
        case .claim(let ids): try claim(try Sample.each(ids) { try Sample.aggregate($0) }, in: transaction)
        case .apply(let id, _), .park(let id, _), .drain(let id), .write(let id), .consume(let id, _):
            try sequence(step, of: try Sample.aggregate(id), in: transaction)
        case .keep, .openDeadLetters, .leftovers, .parkedCount, .register:
            try look(step, in: transaction)
        case .readHead, .setHead, .insertOutbox, .relay, .mark, .release:
            try publish(step, in: transaction)
        case .insert, .tryInsert, .add, .delete, .list: try change(step, in: transaction)
        case .fail: throw GivenUp()
        }
    }

    // MARK: - Consuming

    private mutating func read(_ aggregates: [Aggregate], in transaction: any StoreTransaction) throws -> String {
        let found = try transaction.watermarks(consumer, of: aggregates)
        read.merge(found) { _, new in new }
        return PermutationWords.list(found.values.map(PermutationWords.watermark))
    }

    private mutating func claim(_ aggregates: [Aggregate], in transaction: any StoreTransaction) throws -> String {
        let expected = aggregates.map { read[$0] ?? Watermark(aggregate: $0) }
        won = try transaction.claim(consumer, expected)
        return "won " + PermutationWords.list(won.values.map(PermutationWords.watermark))
    }

    /// Nothing is done to an aggregate that was not won.
    private mutating func sequence(
        _ step: PermutationStep, of aggregate: Aggregate, in transaction: any StoreTransaction
    ) throws -> String {
        guard var watermark = won[aggregate] else { return "not won" }
        defer { won[aggregate] = watermark }
        switch step {
        case .apply(_, let version): return try apply(version, to: &watermark, in: transaction)
        case .park(_, let versions): return try park(versions, of: &watermark, in: transaction)
        case .drain: return try drain(&watermark, in: transaction)
        case .consume(_, let versions): return try consume(versions, of: &watermark, in: transaction)
        default: return try write(watermark, in: transaction)
        }
    }

    private func apply(
        _ version: Int64, to watermark: inout Watermark, in transaction: any StoreTransaction
    ) throws -> String {
        let aggregate = watermark.aggregate
        guard version == watermark.version.number + 1 else { return "\(version) is not next" }
        try transaction.execute(
            ConformanceSQL.insertLedger,
            arguments: [
                .text(aggregate.type.text), .text(aggregate.id.text), .integer(version), .text("event-\(version)"),
            ])
        watermark.version = try Sample.version(version)
        watermark.eventID = try Sample.event("event-\(version)")
        return "applied \(version)"
    }

    private func park(
        _ versions: [Int64], of watermark: inout Watermark, in transaction: any StoreTransaction
    ) throws -> String {
        let aggregate = watermark.aggregate
        let there = try transaction.park(consumer, try Sample.each(versions) { try Sample.parked(aggregate, $0) })
        return "parked, \(there.count) were there"
    }

    private func drain(_ watermark: inout Watermark, in transaction: any StoreTransaction) throws -> String {
        let start = try next(watermark.version)
        let rows = try transaction.parked(consumer, of: watermark.aggregate, from: start, limit: 100)
        for row in rows where row.version.follows(watermark.version) {
            _ = try apply(row.version.number, to: &watermark, in: transaction)
        }
        let count = try transaction.deleteParked(consumer, of: watermark.aggregate, through: watermark.version)
        return "drained to \(watermark.version), \(count) rows deleted"
    }

    private func write(_ watermark: Watermark, in transaction: any StoreTransaction) throws -> String {
        var written = watermark
        let rows = try transaction.parked(consumer, of: watermark.aggregate, from: .first, limit: 100)
        written.parked = rows.count
        written.status = rows.isEmpty ? .ok : .gap
        try transaction.write(consumer, [written])
        return "wrote \(PermutationWords.watermark(written))"
    }

    private func consume(
        _ versions: [Int64], of watermark: inout Watermark, in transaction: any StoreTransaction
    ) throws -> String {
        var said: [String] = []
        for version in versions { said.append(try apply(version, to: &watermark, in: transaction)) }
        said.append(try drain(&watermark, in: transaction))
        let later = versions.filter { $0 > watermark.version.number }
        if !later.isEmpty { said.append(try park(later, of: &watermark, in: transaction)) }
        said.append(try drain(&watermark, in: transaction))
        said.append(try write(watermark, in: transaction))
        return said.joined(separator: ", ")
    }

    private func look(_ step: PermutationStep, in transaction: any StoreTransaction) throws -> String {
        switch step {
        case .keep(let sequence):
            try transaction.saveDeadLetter(
                consumer,
                try Sample.deadLetter(try Sample.aggregate("a"), version: .first, sequence: sequence, attempts: 3))
            return "kept \(sequence)"
        case .openDeadLetters(let ids):
            let letters = try transaction.openDeadLetters(
                consumer, of: try Sample.each(ids) { try Sample.aggregate($0) })
            return "\(letters.count) open"
        case .leftovers:
            return PermutationWords.list(try transaction.leftoverDrains(consumer, limit: 10).map(\.description))
        case .parkedCount:
            return "\(try transaction.parkedCount(consumer)) parked"
        default:
            guard case .register(let identity) = step else { return "nothing" }
            let fresh = ConsumerRegistration(
                storeID: identity, stream: try StreamName("SHOP"), streamCreatedAt: Sample.instant)
            return "registered as \(try transaction.registration(consumer, insertingIfAbsent: fresh).storeID)"
        }
    }
}

// MARK: - Publishing, and rows of the user's

extension PermutationActor {
    private mutating func publish(_ step: PermutationStep, in transaction: any StoreTransaction) throws -> String {
        let relayTime = Sample.instant.advanced(by: .seconds(60))
        switch step {
        case .readHead(let id):
            let aggregate = try Sample.aggregate(id)
            heads[aggregate] = try transaction.head(of: aggregate)
            return heads[aggregate].map(PermutationWords.head) ?? "none"
        case .setHead(let id):
            let aggregate = try Sample.aggregate(id)
            var head = heads[aggregate] ?? AggregateHead(aggregate: aggregate)
            head.version = try next(head.version)
            head.eventID = try Sample.event("\(name)-\(head.version)")
            let isSet = try transaction.compareAndSetHead(heads[aggregate], to: head)
            heads[aggregate] = isSet ? head : nil
            return isSet ? "set to \(head.version)" : "another has moved it"
        case .insertOutbox(let id):
            guard let head = heads[try Sample.aggregate(id)] else { return "nothing to stage" }
            try transaction.insertOutbox(
                try Sample.outboxRow(head.aggregate, head.version.number, event: "\(name)-\(head.version)"))
            return "staged \(head.version)"
        case .relay(let limit):
            let claims = try transaction.claimOutbox(now: relayTime, lease: .seconds(60), limit: limit)
            taken += claims.map(\.row)
            return PermutationWords.list(
                claims.map { "\(PermutationWords.outbox($0.row)) of \(PermutationWords.head($0.head))" })
        case .mark:
            for row in taken { try transaction.markPublished(row, at: StreamSequence(70), now: relayTime) }
        default:
            for row in taken { try transaction.releaseOutbox(row, notBefore: relayTime) }
        }
        // A store may collect these and write them before anything else; a question makes it do so now.
        _ = try transaction.parkedCount(consumer)
        return "\(taken.count) rows"
    }

    private func change(_ step: PermutationStep, in transaction: any StoreTransaction) throws -> String {
        switch step {
        case .insert(let id): return "\(try insert(id, in: transaction)) inserted"
        case .tryInsert(let id):
            do {
                return "\(try transaction.savepoint { try insert(id, in: transaction) }) inserted"
            } catch let error as StoreError where error.code == .statement {
                return "refused"
            }
        case .add(let id):
            let count = try transaction.execute(
                ConformanceSQL.addToSample, arguments: [.integer(1), .integer(id)])
            return "\(count) changed"
        case .delete(let id):
            return "\(try transaction.execute(ConformanceSQL.deleteSample, arguments: [.integer(id)])) deleted"
        default:
            let rows = try transaction.query(ConformanceSQL.selectSample, arguments: [])
            return PermutationWords.samples(rows)
        }
    }

    private func insert(_ id: Int64, in transaction: any StoreTransaction) throws -> Int {
        try transaction.execute(
            ConformanceSQL.insertSample, arguments: [.integer(id), .integer(0), .null, .text(name)])
    }
}

/// A transaction of a script ends itself.
struct GivenUp: Error {}

private func next(_ version: AggregateVersion) throws -> AggregateVersion {
    guard let next = version.next else {
        throw ConformanceFailure(expected: "a next version", found: "the highest one", place: "\(#fileID):\(#line)")
    }
    return next
}

/// How a permutation describes what it has observed: the same words for the same thing, in an order of their own.
enum PermutationWords {
    static func ordinal(_ index: Int) -> String { ["first", "second", "third"][index] }

    static func list(_ words: [String]) -> String {
        words.isEmpty ? "nothing" : words.sorted().joined(separator: "; ")
    }

    static func watermark(_ row: Watermark) -> String {
        "\(row.aggregate.id) at \(row.version), \(row.parked) parked, \(row.status.rawValue), revision \(row.revision)"
    }

    static func head(_ head: AggregateHead) -> String {
        "\(head.aggregate.id) at \(head.version), published \(head.publishedVersion) at \(head.streamSequence)"
    }

    static func outbox(_ row: OutboxRow) -> String {
        "\(row.aggregate.id)@\(row.version) \(row.eventID)"
    }

    static func samples(_ rows: [SQLRow]) -> String {
        list(
            rows.map { row in
                "\(row["id"].integer ?? -1): \(row["number"].integer ?? -1) by \(row["words"].text ?? "no one")"
            })
    }

    /// Everything that is in the database at the end.
    static func state(of store: any ConsumerStore) async throws -> [String] {
        try await store.read { reader in
            let consumer = try Sample.consumer()
            var lines: [String] = []
            for id in ["a", "b"] {
                let aggregate = try Sample.aggregate(id)
                if let row = try reader.watermark(consumer, of: aggregate) {
                    lines.append("watermark " + watermark(row))
                }
                if let found = try reader.head(of: aggregate) { lines.append("head " + head(found)) }
                for row in try reader.outboxRows(of: aggregate, limit: 100).sorted(by: { $0.version < $1.version }) {
                    lines.append("outbox " + outbox(row))
                }
            }
            lines += try reader.parkedRows(consumer, of: nil, limit: 100).map { "parked \($0.aggregate)@\($0.version)" }
                .sorted()
            lines += try reader.query(ConformanceSQL.selectLedger, arguments: []).map { row in
                "effect \(row["aggregate_id"].text ?? "")@\(row["version"].integer ?? 0)"
            }
            lines += try reader.deadLetters(consumer, of: nil, limit: 100).map { "dead letter \($0.streamSequence)" }
                .sorted()
            lines.append("rows " + samples(try reader.query(ConformanceSQL.selectSample, arguments: [])))
            return lines
        }
    }
}
