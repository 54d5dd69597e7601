import TertibCore
import TertibPostgres
import TertibTesting
import TestServers
import Testing

@testable import TertibRuntime

@Suite("A batch on PostgreSQL", .timeLimit(.minutes(2)))
struct PipelineTests {
    /// Begin, read, claim, the handlers' writes and the watermarks together, commit; and a batch of the most deliveries
    /// sends its writes in two parts. New aggregates are claimed in three steps.
    private static let handful = 8

    @Test("A batch on PostgreSQL of 256 events on 256 aggregates costs a handful of round trips")
    func roundTrips() async throws {
        try await withDatabase { database, _ in
            let trips = try RoundTrips(to: database)
            let store = try trips.store()
            let bench = try BatchBench(store, .replica)
            // The connection is made, and each statement prepared, once.
            _ = try await bench.apply(1, ofAggregates: 1...256)
            for (version, ids) in [(1, 257...512), (2, 1...256), (3, 1...256), (3, 1...256)] {
                let before = trips.count
                let report = try await bench.apply(Int64(version), ofAggregates: ids)
                #expect(report.dispositions.count == 256)
                #expect((3...Self.handful).contains(trips.count - before), "version \(version)")
            }
            await store.close()
            #expect(try database.psql("SELECT count(*), sum(version) FROM tertib_replica") == "512|1024")
        }
    }

    @Test("A batch on PostgreSQL that drains the parked rows of 256 aggregates costs a handful of round trips, too")
    func draining() async throws {
        try await withDatabase { database, _ in
            let trips = try RoundTrips(to: database)
            let store = try trips.store()
            let bench = try BatchBench(store, .replica)
            var counts: [Int] = []
            for first in [Int64(1), 4] {
                // Two are parked behind a gap, which closes then.
                _ = try await bench.apply(first + 1, ofAggregates: 1...256)
                _ = try await bench.apply(first + 2, ofAggregates: 1...256)
                #expect(try database.psql("SELECT sum(parked) FROM tertib_watermark") == "512")
                let before = trips.count
                let report = try await bench.apply(first, ofAggregates: 1...256)
                counts.append(trips.count - before)
                #expect(report.appliedFromDelivery == 256)
                #expect(report.drained == 512)
            }
            // The first time each statement is prepared.
            #expect((3...Self.handful).contains(counts[1]), "\(counts)")
            #expect(try database.psql("SELECT count(*), sum(version) FROM tertib_replica") == "256|1536")
            #expect(try database.psql("SELECT count(*) FROM tertib_parked") == "0")
            let left = "SELECT sum(version), sum(parked), count(lowest_parked) FROM tertib_watermark"
            #expect(try database.psql(left) == "1536|0|0")
            await store.close()
        }
    }

    @Test("A batch on PostgreSQL whose handlers read costs a round trip an event, and the writes none")
    func readingHandlers() async throws {
        try await withNotes { database, _ in
            var handlers = Handlers()
            handlers.onAnyOther { envelope, transaction in
                let key = envelope.aggregate.description
                let known = try transaction.query("SELECT count(*) AS n FROM note WHERE text = ?", key)
                guard known.first?["n"] == .integer(0) else { return }
                try transaction.enqueue("INSERT INTO note (text) VALUES (?)", key)
            }
            let trips = try RoundTrips(to: database)
            let store = try trips.store()
            let bench = try BatchBench(store, handlers)
            _ = try await bench.apply(1, ofAggregates: 1...1)
            let before = trips.count
            _ = try await bench.apply(1, ofAggregates: 2...101)
            #expect((100...100 + Self.handful).contains(trips.count - before))
            await store.close()
            #expect(try database.psql("SELECT count(*) FROM note") == "101")
        }
    }

    @Test("A batch on PostgreSQL with one event whose write fails blames that event, and applies all others")
    func blame() async throws {
        try await withNotes { database, store in
            try await store.transaction { _ = try addNote("product/100", in: $0) }
            var handlers = Handlers()
            handlers.onAnyOther { envelope, transaction in
                try transaction.enqueue("INSERT INTO note (text) VALUES (?)", envelope.aggregate.description)
                try transaction.enqueue("INSERT INTO note (text) VALUES (?)", "after \(envelope.aggregate)")
            }
            let report = try await BatchBench(store, handlers).apply(1, ofAggregates: 1...256)
            #expect(report.failures.map(\.event.aggregate.description) == ["product/100"])
            #expect(report.failures.first?.error.contains("SQLSTATE 23505") == true)
            #expect(report.applied == 255)
            #expect(try database.psql("SELECT count(*) FROM note") == "511")
            #expect(try database.psql("SELECT aggregate_id FROM tertib_dead_letter") == "100")
        }
    }
}
