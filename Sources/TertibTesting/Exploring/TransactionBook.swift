import TertibRuntime
import TertibCore

/// All transactions that a small world has met, each as the calls it makes and how it goes on after each answer.
///
/// A transaction's body runs to its end without waiting for anybody, so that what it does next is a function of what it
/// is about and of the answers so far. Each answer is worked out once, by running the real body again from its
/// beginning with all answers up to this one; from then on a step of the explorer is a look into the book.
final class TransactionBook {
    /// What a transaction is about.
    struct Work: Hashable {
        enum Kind: UInt8 { case fast, careful, sweep }
        var kind = Kind.fast
        /// Deliveries, two bits a message: a copy's rank in the batch is its number.
        var arrivals: UInt64 = 0
        var holdable: UInt64 = 0
        var repair: UInt32 = 0
        var blamed: UInt32 = 0
        var wakes: UInt8 = 0
    }

    struct Node {
        let work: Int
        let parent: Int
        let answer: StoreAnswer
        fileprivate(set) var call = StoreCall.end
        fileprivate(set) var end: BodyEnd?
        fileprivate(set) var wroteUnclaimed: Aggregate?
        fileprivate(set) var writes: [StoreWrite] = []
        /// The aggregates whose rows it has locked.
        fileprivate(set) var claimed: UInt8 = 0
        fileprivate var children: [(answer: StoreAnswer, node: Int)] = []
    }

    let vocabulary: ExplorerVocabulary
    private let consumer: SteppedConsumer
    /// The first one stands for "no transaction".
    private(set) var nodes: [Node]
    private(set) var works: [Work] = [Work()]
    private var roots: [Work: Int] = [:]

    init(_ vocabulary: ExplorerVocabulary) {
        self.vocabulary = vocabulary
        nodes = [Node(work: 0, parent: 0, answer: .done)]
        let world = vocabulary.world
        let settings = ConsumerSettings(
            name: vocabulary.consumer, retry: RetryPolicy(maxAttempts: world.maxAttempts),
            maxParkedPerAggregate: world.parkedLimit)
        consumer = SteppedConsumer(
            rules: BatchTransaction.Rules(
                settings: settings,
                registration: ConsumerRegistration(
                    storeID: "explored", stream: vocabulary.streamName, streamCreatedAt: ExplorerVocabulary.now),
                codec: vocabulary.codec, drainLimit: world.drainLimit),
            settings: settings, codec: vocabulary.codec, handler: Self.handler(vocabulary))
    }

    /// The transaction's beginning.
    func root(of work: Work) -> Int {
        if let root = roots[work] { return root }
        works.append(work)
        let root = add(Node(work: works.count - 1, parent: 0, answer: .done))
        roots[work] = root
        return root
    }

    /// How the transaction goes on after an answer.
    func child(of node: Int, after answer: StoreAnswer) -> Int {
        for child in nodes[node].children where child.answer == answer { return child.node }
        let child = add(Node(work: nodes[node].work, parent: node, answer: answer))
        nodes[node].children.append((answer, child))
        return child
    }

    func work(of node: Int) -> Work { works[nodes[node].work] }

    private func add(_ new: Node) -> Int {
        var node = new
        var answers: [StoreAnswer] = node.parent == 0 ? [] : [node.answer]
        var parent = node.parent
        while parent != 0, nodes[parent].parent != 0 {
            answers.append(nodes[parent].answer)
            parent = nodes[parent].parent
        }
        let transaction = ScriptedTransaction(vocabulary, answers: answers.reversed())
        let work = works[node.work]
        do {
            node.end = work.kind == .sweep ? try sweep(transaction) : try run(work, transaction)
            if case .finished = node.end, !transaction.isCommittable { node.end = .conflict }
        } catch {
            node.end = .failed("\(error)")
        }
        node.writes = transaction.writes
        if let suspended = transaction.suspended {
            (node.call, node.writes, node.end) = (suspended.call, suspended.writes, nil)
        }
        node.claimed = transaction.claimed
        node.wroteUnclaimed = transaction.wroteUnclaimed
        nodes.append(node)
        return nodes.count - 1
    }

    private func run(_ work: Work, _ transaction: ScriptedTransaction) throws -> BodyEnd {
        var task = SteppedConsumer.Work()
        for ticket in work.arrivals.members {
            task.arrivals.append(vocabulary.arrival(ticket / 2, ticket: ticket, origin: .delivery))
        }
        for message in UInt64(work.repair).members {
            task.arrivals.append(vocabulary.arrival(message, ticket: 64 + message, origin: .repair))
        }
        task.holdable = Set(work.holdable.members.map { Arrival.Ticket($0) })
        task.wakes = Set(UInt64(work.wakes).members.map { vocabulary.aggregates[$0] })
        task.isCareful = work.kind == .careful
        task.blamed = UInt64(work.blamed).members.map { message in
            let envelope = vocabulary.envelopes[message]
            return EventKey(aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id)
        }
        switch try consumer.run(task, in: transaction) {
        case .finished(let report, let batch): return .finished(BodyResult(report, of: batch))
        case .handlerFailed: return .handlerFailed
        case .transactionLost(let event):
            let message = vocabulary.envelopes.firstIndex {
                $0.version == event.version && $0.aggregate == event.aggregate
            }
            return .transactionLost(message: message ?? 0)
        case .conflict: return .conflict
        case .failed(let reason): return .failed(reason)
        }
    }

    private func sweep(_ transaction: ScriptedTransaction) throws -> BodyEnd {
        let found = try consumer.sweep(in: transaction)
        var repair: UInt32 = 0
        for gap in found.gaps {
            var version = Int(gap.watermark.number) + 1
            while version < gap.lowestParked.number, let message = canonical(gap.aggregate, version) {
                repair |= 1 << UInt32(message)
                version += 1
            }
        }
        return .swept(wakes: vocabulary.mask(of: found.wakes), repair: repair)
    }

    private func canonical(_ aggregate: Aggregate, _ version: Int) -> Int? {
        vocabulary.envelopes.firstIndex { $0.aggregate == aggregate && $0.version.number == version }
    }

    /// Writes its effect, then fails if it is to fail.
    private static func handler(
        _ vocabulary: ExplorerVocabulary
    ) -> @Sendable (Envelope, any StoreTransaction) throws -> Void {
        let world = vocabulary.world
        return { envelope, transaction in
            guard let message = vocabulary.message(of: envelope.id) else { return }
            let argument = SQLValue.integer(Int64(message))
            _ = try transaction.execute("effect", arguments: [argument])
            switch world.messages[message].behaviour {
            case .applies: return
            case .fails: throw HandlerFailure("it fails")
            case .mayFail:
                if try !transaction.query("outcome", arguments: [argument]).isEmpty {
                    throw HandlerFailure("it fails now")
                }
            }
        }
    }
}

extension BodyResult {
    init(_ report: BatchReport, of batch: Batch) {
        acknowledged = UInt64(tickets: report.acknowledged(of: batch))
        let outcomes = zip(batch.arrivals.map(\.ticket), report.dispositions)
        carried = UInt64(tickets: outcomes.filter { !($1?.isAcknowledged ?? true) }.map(\.0))
        held = UInt64(tickets: outcomes.filter { $1 == .held }.map(\.0))
        hasLeftovers = report.hasLeftovers
        isLimited = !report.reachedLimits.isEmpty
        conflicts = report.conflicts
        retried = report.retried
    }
}

extension UInt64 {
    /// The tickets of deliveries; those of repairs are nobody's to answer.
    fileprivate init(tickets: [Arrival.Ticket]) {
        self = tickets.filter { $0.number < 64 }.reduce(0) { $0 | 1 << UInt64($1.number) }
    }

    /// The numbers of the bits that are set, in order.
    var members: [Int] {
        var members: [Int] = []
        var rest = self
        while rest != 0 {
            members.append(rest.trailingZeroBitCount)
            rest &= rest - 1
        }
        return members
    }
}
