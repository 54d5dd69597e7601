import Foundation
import Glibc

/// A NATS client that checks nothing: it writes whatever bytes a test wants the broker to have.
///
/// Blocking, and for one thread.
public final class RawNatsClient {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    /// The server's first line.
    public private(set) var greeting = ""

    /// Connects to 127.0.0.1.
    /// - Parameters:
    ///   - options: the JSON of the CONNECT line.
    ///   - connects: `false` reads only the greeting.
    public init(
        port: Int, options: String = #"{"verbose":false,"headers":true,"no_responders":true}"#, connects: Bool = true
    ) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw TestServerError("cannot connect to port \(port): errno \(errno)") }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        greeting = try readLine()
        guard connects else { return }
        try write("CONNECT \(options)\r\n")
        try flush()
    }

    deinit { close(descriptor) }

    /// Publishes bytes as they are: `headers` is the whole block, `NATS/1.0` line and empty line included.
    public func publish(_ subject: [UInt8], headers: [UInt8] = [], body: [UInt8] = []) throws {
        let command =
            headers.isEmpty
            ? Array("PUB ".utf8) + subject + Array(" \(body.count)\r\n".utf8)
            : Array("HPUB ".utf8) + subject + Array(" \(headers.count) \(headers.count + body.count)\r\n".utf8)
        try write(command + headers + body + Array("\r\n".utf8))
    }

    /// Publishes text as it is.
    public func publish(_ subject: String, headers: String = "", body: String = "") throws {
        try publish(Array(subject.utf8), headers: Array(headers.utf8), body: Array(body.utf8))
    }

    /// Sends a request and returns the body of its answer: an empty one when nobody answers on the subject.
    /// - Parameter limit: how long to wait for each line.
    public func request(_ subject: String, _ body: String = "", within limit: Duration = .seconds(10)) throws -> String
    {
        var time = timeval(tv_sec: Int(limit.components.seconds), tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        let inbox = "_INBOX.raw\(UInt64.random(in: .min ... .max))"
        try write("SUB \(inbox) 1\r\nUNSUB 1 1\r\nPUB \(subject) \(inbox) \(body.utf8.count)\r\n\(body)\r\n")
        while true {
            let words = try readLine().split(separator: " ")
            guard let kind = words.first, ["MSG", "HMSG"].contains(kind) else { continue }
            guard let size = words.last.flatMap({ Int($0) }) else { throw TestServerError("an answer without a size") }
            let headerSize = kind == "HMSG" ? Int(words[words.count - 2]) ?? 0 : 0
            let content = try read(size + 2)
            return String(decoding: content[headerSize..<size], as: UTF8.self)
        }
    }

    /// Subscribes to a subject, for ``nextMessage()``.
    public func subscribe(_ subject: String) throws {
        try write("SUB \(subject) 1\r\n")
        try flush()
    }

    /// The next message of a subscription: its subject, where to answer, and its body.
    public func nextMessage() throws -> (subject: String, reply: String, body: String) {
        while true {
            let words = try readLine().split(separator: " ").map(String.init)
            guard words.first == "MSG" else { continue }
            guard words.count == 5, let size = Int(words[4]) else { throw TestServerError("no request: \(words)") }
            return (words[1], words[3], String(decoding: try read(size + 2).prefix(size), as: UTF8.self))
        }
    }

    /// Waits until the server has read everything.
    /// - Throws: ``TestServerError`` with the server's words when it objects.
    public func flush() throws {
        try write("PING\r\n")
        while true {
            let line = try readLine()
            if line == "PONG" { return }
            if line.hasPrefix("-ERR") { throw TestServerError(line) }
        }
    }

    /// Writes text as it is.
    public func write(_ text: String) throws { try write(Array(text.utf8)) }

    private func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw TestServerError("the server has closed the connection: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    private func readLine() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[..<end].filter { $0 != UInt8(ascii: "\r") }
                buffer.removeFirst(end + 1)
                return String(decoding: line, as: UTF8.self)
            }
            try fill()
        }
    }

    private func read(_ count: Int) throws -> [UInt8] {
        while buffer.count < count { try fill() }
        defer { buffer.removeFirst(count) }
        return Array(buffer.prefix(count))
    }

    private func fill() throws {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { throw TestServerError("the server said nothing: errno \(errno)") }
        buffer += chunk[..<count]
    }
}
