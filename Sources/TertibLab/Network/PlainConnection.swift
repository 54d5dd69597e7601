import TertibCore

/// A connection to a broker that knows no more than it has to: it publishes what it is given, without message ids and
/// expectations, as a foreign program may. For one task.
final class PlainConnection {
    private let socket: Socket
    private var splitter = ProtocolSplitter()
    private let inbox: String

    /// Connects.
    init(to port: Int) throws {
        socket = try Socket.connected(to: port)
        inbox = "_INBOX.plain\(UInt64.random(in: .min ... .max))"
        try write(
            Array("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB \(inbox).* 1\r\n".utf8))
    }

    /// The connection is gone.
    struct Closed: Error {}

    /// Publishes a message.
    /// - Parameter number: what ``acknowledged()`` calls it; `nil` when nobody wants to know.
    func publish(_ message: WireMessage, number: Int?) throws {
        var headers = Array("NATS/1.0\r\n".utf8)
        for field in message.headers { headers += field.name + Array(": ".utf8) + field.value + Array("\r\n".utf8) }
        headers += Array("\r\n".utf8)
        let reply = number.map { " \(inbox).\($0)" } ?? ""
        let line = "HPUB \(message.subject)\(reply) \(headers.count) \(headers.count + message.body.count)\r\n"
        try write(Array(line.utf8) + headers + message.body + Array("\r\n".utf8))
    }

    /// Sends a request without headers.
    /// - Parameter number: what ``acknowledged()`` calls its answer, if that says `success`.
    func request(_ subject: String, _ body: String, number: Int) throws {
        try write(Array("PUB \(subject) \(inbox).\(number) \(body.utf8.count)\r\n\(body)\r\n".utf8))
    }

    /// The numbers of those that the stream has acknowledged since the last call.
    func acknowledged() throws -> [Int] {
        var numbers: [Int] = []
        while true {
            var bytes: [UInt8] = []
            switch socket.read(into: &bytes) {
            case .wouldWait: return numbers
            case .ended: throw Closed()
            case .moved:
                for operation in splitter.split(bytes) {
                    if operation.name == "PING" { try write(Array("PONG\r\n".utf8)) }
                    guard operation.name == "MSG", operation.words.count > 1, isStored(operation.payload),
                        let number = operation.words[1].split(separator: ".").last.flatMap({ Int($0) })
                    else { continue }
                    numbers.append(number)
                }
            }
        }
    }

    /// An answer with an error, or that nobody listens, is none: the message is published again.
    private func isStored(_ answer: ArraySlice<UInt8>) -> Bool {
        let text = String(decoding: answer, as: UTF8.self)
        return (text.contains("\"seq\"") || text.contains("\"success\":true")) && !text.contains("\"error\"")
    }

    private func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch socket.write(rest) {
            case .moved(let count): rest = rest.dropFirst(count)
            case .wouldWait: socket.waitUntilWritable()
            case .ended: throw Closed()
            }
        }
    }
}

/// Publishes with a plain connection until the stream has acknowledged everything: what it is not sure of it publishes
/// again, and so perhaps twice. For one task.
struct PlainPublisher {
    private let port: Int
    private var connection: PlainConnection?

    /// So many are unacknowledged at most.
    private static let window = 128
    /// After so long without an answer what is open is published again.
    private static let patience: Duration = .seconds(1)

    /// - Parameter port: the broker's.
    init(to port: Int) {
        self.port = port
    }

    /// Stores messages in this order, unless some of them have to be published again.
    /// - Parameter interval: from one to the next; zero for as fast as it goes.
    mutating func store(_ messages: [WireMessage], interval: Duration = .zero) async throws {
        var open = Array(messages.indices)
        while !open.isEmpty {
            try Task.checkCancellation()
            var stored: Set<Int> = []
            do {
                try await publish(open, of: messages, interval, stored: &stored)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // The broker is away: it comes back on the same port.
                connection = nil
                try await Task.sleep(for: .milliseconds(50))
            }
            open.removeAll { stored.contains($0) }
        }
    }

    /// Removes a message from a stream; returns when the server says that it has, or after a while without an answer.
    mutating func delete(_ stream: String, _ sequence: UInt64) async throws {
        try await ask("$JS.API.STREAM.MSG.DELETE.\(stream)", "{\"seq\":\(sequence)}")
    }

    /// Removes the messages of a subject but for the last ones; returns as ``delete(_:_:)`` does.
    mutating func purge(_ stream: String, _ subject: String, keeping kept: Int64) async throws {
        let keep = kept > 0 ? ",\"keep\":\(kept)" : ""
        try await ask("$JS.API.STREAM.PURGE.\(stream)", "{\"filter\":\"\(subject)\"\(keep)}")
    }

    private mutating func ask(_ subject: String, _ body: String) async throws {
        var stored: Set<Int> = []
        do {
            let connection = try connection ?? PlainConnection(to: port)
            self.connection = connection
            try connection.request(subject, body, number: 0)
            try await waitForAnswers(to: 1, on: connection, stored: &stored)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            // The broker is away: it comes back on the same port.
            connection = nil
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private mutating func publish(
        _ open: [Int], of messages: [WireMessage], _ interval: Duration, stored: inout Set<Int>
    ) async throws {
        let connection = try connection ?? PlainConnection(to: port)
        self.connection = connection
        let start = ContinuousClock.now
        for (place, index) in open.enumerated() {
            if interval > .zero { try await Task.sleep(until: start + interval * place) }
            try connection.publish(messages[index], number: index)
            stored.formUnion(try connection.acknowledged())
            if place - stored.count > Self.window {
                try await waitForAnswers(to: place - Self.window / 2, on: connection, stored: &stored)
            }
        }
        try await waitForAnswers(to: open.count, on: connection, stored: &stored)
    }

    /// Waits until so many are stored, or until nothing has come for a while.
    private func waitForAnswers(
        to count: Int, on connection: PlainConnection, stored: inout Set<Int>
    ) async throws {
        var last = ContinuousClock.now
        while stored.count < count, ContinuousClock.now - last < Self.patience {
            let new = try connection.acknowledged()
            if new.isEmpty { try await Task.sleep(for: .milliseconds(1)) } else { last = .now }
            stored.formUnion(new)
        }
    }
}
