import Foundation
import Glibc
import Synchronization

/// A relay on 127.0.0.1 in front of a server, which can lose the server's answers and cut every connection: what a
/// network does at the worst moment.
///
/// Two threads a connection, one for each way; all end when the relay is cut, or with the last reference to it.
public final class CuttingRelay: Sendable {
    private struct State {
        var listener: Int32 = -1
        var connections: [RelayedConnection] = []
        var losesAnswers = false
        var isClosed = false
    }

    /// Where it listens.
    public let port: Int
    private let target: Int
    private let watch: Watch?
    private let state = Mutex(State())

    /// Begins to look at what the client of one connection sends; what it returns is given the bytes, in their order.
    public typealias Watch = @Sendable () -> (ArraySlice<UInt8>) -> Void

    /// Starts a relay to a server on 127.0.0.1.
    public init(to target: Int, watch: Watch? = nil) throws {
        self.watch = watch
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, size) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, generic, &size) == 0
            }
        }
        guard isListening else {
            close(listener)
            throw TestServerError("the relay cannot listen: errno \(errno)")
        }
        port = Int(in_port_t(bigEndian: address.sin_port))
        self.target = target
        state.withLock { $0.listener = listener }
        Self.detach { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                guard let self else {
                    close(client)
                    return
                }
                self.connect(client)
            }
        }
    }

    deinit { stop() }

    /// From now on, what the server answers is read and thrown away.
    public func loseAnswers() { state.withLock { $0.losesAnswers = true } }

    /// Ends every connection that is open; later ones are relayed as at the beginning.
    public func cut() {
        let connections = state.withLock { state in
            defer { (state.connections, state.losesAnswers) = ([], false) }
            return state.connections
        }
        for connection in connections { connection.cut() }
    }

    private func stop() {
        let listener = state.withLock { state in
            state.isClosed = true
            return state.listener
        }
        cut()
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func connect(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(port: target)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else {
            close(client)
            close(server)
            return
        }
        let connection = RelayedConnection([client, server])
        let isKept = state.withLock { state in
            if !state.isClosed { state.connections.append(connection) }
            return !state.isClosed
        }
        if !isKept { connection.cut() }
        Self.detach { [weak self] in
            let look = self?.watch?()
            Self.pump(from: client, to: server) { bytes in
                look?(bytes)
                return self != nil
            }
            connection.leave()
        }
        Self.detach { [weak self] in
            Self.pump(from: server, to: client) { _ in self.map { !$0.state.withLock { $0.losesAnswers } } ?? false }
            connection.leave()
        }
    }

    /// Carries bytes until either side ends; those that `carries` refuses are lost.
    private static func pump(from source: Int32, to sink: Int32, carries: (ArraySlice<UInt8>) -> Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            guard carries(buffer[..<count]) else { continue }
            var sent = 0
            while sent < count {
                let step = buffer.withUnsafeBytes { bytes in
                    send(sink, bytes.baseAddress?.advanced(by: sent), count - sent, Int32(MSG_NOSIGNAL))
                }
                guard step > 0 else { break }
                sent += step
            }
            if sent < count { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(sink, Int32(SHUT_RDWR))
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }

    private static func detach(_ body: @escaping @Sendable () -> Void) {
        Thread.detachNewThread(body)
    }
}

/// Two sockets, closed when both threads that use them have left.
private final class RelayedConnection: Sendable {
    private let sockets: [Int32]
    private let users = Mutex(2)

    init(_ sockets: [Int32]) {
        self.sockets = sockets
    }

    /// Ends both directions, unless they have ended: then the numbers may be another connection's.
    func cut() {
        users.withLock { users in
            if users > 0 { for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) } }
        }
    }

    func leave() {
        users.withLock { users in
            users -= 1
            if users == 0 { for socket in sockets { close(socket) } }
        }
    }
}
