import Foundation
import Tertib

/// All measurements, one after the other, each on streams and tables of its own.
struct BenchmarkRun: Sendable {
    let options: BenchmarkOptions

    func measure() async throws -> [Measurement] {
        var measurements: [Measurement] = []
        let drain = DrainBenchmark(options: options)
        var raw = try drain.measureRaw()
        measurements.append(raw)
        for database in Database.allCases {
            var measurement = try await drain.measure(database)
            measurement.rawPerSecond = raw.perSecond
            measurements.append(measurement)
        }
        let consume = ConsumeBenchmark(options: options)
        raw = try consume.measureRaw()
        measurements.append(raw)
        for database in Database.allCases {
            let upserts = try consume.measureRaw(database)
            measurements.append(upserts)
            for replicas in [1, 4] {
                var measurement = try await consume.measure(database, replicas: replicas)
                // Both have to be done for each event, by one thread.
                measurement.rawPerSecond = 1 / (1 / raw.perSecond + 1 / upserts.perSecond)
                measurements.append(measurement)
            }
        }
        return measurements
    }

    /// Tells a person what goes on.
    static func tell(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}

/// The databases that are measured.
enum Database: String, CaseIterable, Sendable {
    case sqlite = "SQLite"
    case postgres = "PostgreSQL"
}

/// Names of one measurement, and the configuration of its services.
struct Place: Sendable {
    let name: String
    let options: BenchmarkOptions
    let database: Database

    /// Makes the schema.
    init(_ name: String, _ options: BenchmarkOptions, _ database: Database) throws {
        (self.name, self.options, self.database) = (name, options, database)
        if database == .postgres { try Raw.run("CREATE SCHEMA \(name)", on: options.postgres) }
    }

    var stream: String { "BENCH_\(name)" }
    var sqlite: String { "\(options.folder)/\(name).sqlite" }
    var postgres: String { "\(options.postgres)&options=-csearch_path%3D\(name)" }

    /// One process's end of the bus.
    func open() async throws -> EventBus {
        let store =
            switch database {
            case .sqlite: #"{ "kind": "sqlite", "path": "\#(sqlite)" }"#
            case .postgres: #"{ "kind": "postgres", "url": "\#(postgres)" }"#
            }
        let text = """
            {
              "service": "\(name)",
              "nats": { "servers": ["\(options.nats)"] },
              "stream": { "name": "\(stream)", "namespace": "\(name)" },
              "store": \(store),
              "consumers": { "copy": {} },
              "publishes": { "item": "outbox" },
              "log": { "level": "warning" }
            }
            """
        let configuration = try ServiceConfiguration.read(
            Array(text.utf8), file: "\(name).json", directory: options.folder)
        let context = RuntimeContext(logger: configuration.log.makeLogger(label: name))
        return try await EventBus.open(configuration: configuration, context: context)
    }
}
