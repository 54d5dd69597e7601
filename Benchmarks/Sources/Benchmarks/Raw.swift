import Foundation
import RawPaths
import Tertib

/// What the C libraries do alone.
enum Raw {
    /// A connection to nats-server that publishes what it was handed before.
    final class Publisher {
        private let handle: OpaquePointer

        init(_ url: String) throws {
            handle = try checked { raw_nats_connect(url, $0) }
        }

        deinit { raw_nats_close(handle) }

        func addStream(_ name: String, subjects: String) throws {
            _ = try checked { raw_nats_add_stream(handle, name, subjects, $0) == 0 ? 1 : nil }
        }

        func prepare(_ message: WireMessage) throws {
            let fields = message.headers.map {
                (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self))
            }
            let texts = fields.map { strdup($0.0) } + fields.map { strdup($0.1) }
            defer { for text in texts { free(text) } }
            let names = texts[..<fields.count].map { UnsafePointer($0) }
            let values = texts[fields.count...].map { UnsafePointer($0) }
            let code = message.body.withUnsafeBytes { body in
                raw_nats_prepare(
                    handle, message.subject, names, values, Int32(fields.count), body.baseAddress, Int32(body.count))
            }
            if code != 0 { throw RawFailure(reason: "there is no memory for the messages") }
        }

        /// - Returns: seconds.
        func publish() throws -> Double { try seconds { raw_nats_publish(handle, $0) } }

        /// Pulls and acknowledges.
        /// - Returns: seconds.
        func consume(_ stream: String, count: Int) throws -> Double {
            try seconds { raw_nats_consume(handle, stream, "raw", count, $0) }
        }
    }

    static func run(_ sql: String, on url: String) throws {
        _ = try checked { raw_postgres_run(url, sql, $0) == 0 ? 1 : nil }
    }

    /// Upserts a row an event, so many in a transaction.
    /// - Returns: seconds.
    static func upsert(_ place: Place, count: Int, aggregates: Int, batch: Int) throws -> Double {
        switch place.database {
        case .sqlite: try seconds { raw_sqlite_upserts(place.sqlite, count, aggregates, batch, $0) }
        case .postgres: try seconds { raw_postgres_upserts(place.postgres, count, aggregates, batch, $0) }
        }
    }

    private static func seconds(_ body: (UnsafeMutablePointer<CChar>) -> Double) throws -> Double {
        try checked { error in
            let seconds = body(error)
            return seconds < 0 ? nil : seconds
        }
    }

    private static func checked<Value>(_ body: (UnsafeMutablePointer<CChar>) -> Value?) throws -> Value {
        try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(RAW_ERROR_SIZE)) { buffer in
            buffer.initialize(repeating: 0)
            guard let start = buffer.baseAddress, let value = body(start) else {
                let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                throw RawFailure(reason: String(decoding: text, as: UTF8.self))
            }
            return value
        }
    }
}

/// What a C library has refused.
struct RawFailure: Error, CustomStringConvertible {
    let reason: String
    var description: String { reason }
}
