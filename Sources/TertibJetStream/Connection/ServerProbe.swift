import Foundation
import Glibc

/// Reads the line with which a nats-server greets: libnats 3.4.1 has no call for the server's version.
///
/// The line comes before TLS, except from a server with `handshake_first`, whose version stays unknown.
enum ServerProbe {
    private struct Greeting: Decodable {
        let version: String
    }

    /// The version of the server at a URL; `nil` when it does not tell within `limit`. Blocks.
    static func version(of url: String, within limit: Duration) -> ServerVersion? {
        guard let parts = URLComponents(string: url.contains("://") ? url : "nats://\(url)"), let host = parts.host
        else { return nil }
        let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        guard let socket = connect(bare, port: parts.port ?? 4222, within: limit) else { return nil }
        defer { close(socket) }
        guard let line = readLine(from: socket), line.hasPrefix("INFO ") else { return nil }
        guard let greeting = try? JSONDecoder().decode(Greeting.self, from: Data(line.dropFirst(5).utf8)) else {
            return nil
        }
        return ServerVersion(greeting.version)
    }

    private static func connect(_ host: String, port: Int, within limit: Duration) -> Int32? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var entry = list
        while let address = entry?.pointee {
            entry = address.ai_next
            let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
            guard descriptor >= 0 else { continue }
            // On Linux the send timeout also bounds the connect (socket(7)).
            let milliseconds = limit.milliseconds
            var time = timeval(tv_sec: Int(milliseconds / 1000), tv_usec: Int(milliseconds % 1000) * 1000)
            let size = socklen_t(MemoryLayout<timeval>.size)
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
            if Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return descriptor }
            close(descriptor)
        }
        return nil
    }

    /// The first line, of at most 32 KiB: the greeting names the whole cluster.
    private static func readLine(from descriptor: Int32) -> String? {
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while line.count < 32 << 10 {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            line += buffer[..<count]
            if let end = line.firstIndex(of: UInt8(ascii: "\n")) {
                return String(decoding: line[..<end], as: UTF8.self)
            }
        }
        return nil
    }
}
