import TertibCore
import ShopService
import TertibRuntime

/// The laboratory on one database: tables, connections, and a cell for each anomaly under each control.
struct LostUpdatesRun: Sendable {
    private let store: LabStore
    private let options: LostUpdatesOptions
    private let tables: LostUpdatesTables
    /// Looks from outside: none of the writers' connections.
    private let outside: any ConsumerStore
    private let writers: [LostUpdatesWriter]
    /// The writers' connections, where the server knows them by number.
    private let connections: [Int64]

    /// Opens the connections, and makes the tables.
    /// - Throws: what keeps the database from being used.
    init(_ store: LabStore, options: LostUpdatesOptions, tables: LostUpdatesTables) async throws {
        self.store = store
        self.options = options
        self.tables = tables
        outside = try await store.open()
        var writers: [LostUpdatesWriter] = []
        var connections: [Int64] = []
        do {
            try await tables.create(in: outside)
            for number in 0..<options.workers {
                let writer = try LostUpdatesWriter(number: number, store: try await store.open(), tables: tables)
                writers.append(writer)
                if let connection = try await writer.connectionNumber() { connections.append(connection) }
            }
        } catch {
            await Self.close(outside, writers)
            throw error
        }
        self.writers = writers
        self.connections = connections
    }

    /// Drops the tables unless they are kept, and closes the connections.
    func close() async throws {
        do {
            if !options.keepsTables { try await tables.drop(in: outside) }
        } catch {
            await Self.close(outside, writers)
            throw error
        }
        await Self.close(outside, writers)
    }

    /// Runs one anomaly under one control.
    func cell(_ anomaly: Anomaly, _ control: UpdateControl) async throws -> LostUpdatesCell {
        try await tables.fill(options, in: outside)
        let start = ContinuousClock.now
        var sums = Sums()
        for round in rounds(of: anomaly, control) { sums.add(try await play(round, control)) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let facts = try await LostUpdatesFacts.read(
            anomaly, from: tables, initialStock: options.stock, in: outside)
        return LostUpdatesCell(
            store: store.name, kind: store.kind, anomaly: anomaly, control: control, attempts: sums.attempts,
            committed: sums.committed, refused: sums.refused, conflicts: sums.conflicts, retries: sums.retries,
            wanted: anomaly == .stateful ? options.orders : options.stock, facts: facts,
            seconds: (seconds * 1000).rounded() / 1000)
    }

    private static func close(_ outside: any ConsumerStore, _ writers: [LostUpdatesWriter]) async {
        for writer in writers { await writer.store.close() }
        await outside.close()
    }
}

extension LostUpdatesRun {
    /// What happened, added up.
    private struct Sums {
        var (attempts, committed, refused, conflicts, retries) = (0, 0, 0, 0, 0)

        mutating func add(_ other: Sums) {
            attempts += other.attempts
            committed += other.committed
            refused += other.refused
            conflicts += other.conflicts
            retries += other.retries
        }
    }

    /// Who does what at once: at most one job a writer.
    private typealias Round = [(writer: Int, job: LostUpdatesWriter.Job)]

    private func rounds(of anomaly: Anomaly, _ control: UpdateControl) -> [Round] {
        var random = SeededGenerator(seed: options.seed, topic: "\(anomaly)-\(control.policy.name)")
        return switch anomaly {
        case .stateless:
            (0..<options.takes / options.workers).map { _ in
                let meeting = Meeting(of: options.workers)
                return (0..<options.workers).shuffled(using: &random).map { ($0, job(.stateless, 0, .take, meeting)) }
            }
        case .stateful:
            // Two at each order, as many orders at once as there are pairs.
            stride(from: 0, to: options.orders, by: options.workers / 2).map { first in
                let pairs = min(options.workers / 2, options.orders - first)
                return (0..<pairs).flatMap { pair in
                    let meeting = Meeting(of: 2)
                    return zip([2 * pair, 2 * pair + 1].shuffled(using: &random), ["PAID", "CANCELLED"]).map {
                        ($0, job(.stateful, first + pair, .status($1), meeting))
                    }
                }
            }
        }
    }

    private func job(
        _ anomaly: Anomaly, _ number: Int, _ change: RowChange, _ meeting: Meeting
    ) -> LostUpdatesWriter.Job {
        LostUpdatesWriter.Job(
            row: tables.row(anomaly, number),
            rowID: anomaly == .stateful ? LostUpdatesTables.orderID(number) : LostUpdatesTables.product,
            table: anomaly == .stateful ? tables.orders : tables.stock, change: change, meeting: meeting)
    }

    private func play(_ round: Round, _ control: UpdateControl) async throws -> Sums {
        try Task.checkCancellation()
        return try await withThrowingTaskGroup(of: Sums.self) { group in
            for (number, job) in round {
                let writer = writers[number]
                group.addTask { try await play(job, writer, control) }
            }
            var sums = Sums()
            while let next = try await group.next() { sums.add(next) }
            return sums
        }
    }

    private func play(
        _ job: LostUpdatesWriter.Job, _ writer: LostUpdatesWriter, _ control: UpdateControl
    ) async throws -> Sums {
        writer.store.begin { job.meeting.account(for: writer.number) }
        let outcome = try await writer.attempt(job, control, connections: connections)
        let counts = writer.store.counts
        return Sums(
            attempts: 1, committed: outcome == .committed ? 1 : 0, refused: outcome == .refused ? 1 : 0,
            conflicts: counts.conflicts, retries: max(0, counts.tries - 1))
    }
}
