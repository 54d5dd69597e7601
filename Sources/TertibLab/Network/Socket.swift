import Glibc

/// A TCP socket on the loopback interface, that no child process inherits; closed with the last reference.
final class Socket {
    let descriptor: Int32

    /// How many bytes one call moves at most.
    static let portion = 64 << 10

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Why a call of the system failed.
    struct Failure: Error, CustomStringConvertible {
        let call: String
        let number = errno
        var description: String { "\(call): \(String(cString: strerror(number)))" }
    }

    /// What a call that does not wait has done.
    enum Outcome: Equatable {
        case moved(Int)
        case wouldWait
        /// The other side is gone, or has nothing more to say.
        case ended
    }

    /// Listens on a free port.
    static func listening() throws -> Socket {
        let socket = try make()
        var address = loopback(port: 0)
        let isBound = withAddress(&address) { bind(socket.descriptor, $0, $1) } == 0
        guard isBound, listen(socket.descriptor, 64) == 0 else { throw Failure(call: "bind") }
        return socket
    }

    /// Connects; on the loopback interface that is done, or refused, at once.
    static func connected(to port: Int) throws -> Socket {
        let socket = try make()
        var address = loopback(port: UInt16(truncatingIfNeeded: port))
        guard withAddress(&address, { connect(socket.descriptor, $0, $1) }) == 0 else { throw Failure(call: "connect") }
        try socket.prepare()
        return socket
    }

    /// The port that it listens on.
    func port() throws -> Int {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) == 0 }
        }
        guard isKnown else { throw Failure(call: "getsockname") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Takes a connection that waits; `nil` when it is gone again.
    func accepted() -> Socket? {
        let descriptor = accept(descriptor, nil, nil)
        guard descriptor >= 0 else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        let socket = Socket(descriptor: descriptor)
        // Without the options a connection is only slower, or fails in its first call.
        try? socket.prepare()
        return socket
    }

    /// Reads what is there, in place of what `bytes` held.
    func read(into bytes: inout [UInt8]) -> Outcome {
        var count = 0
        bytes = [UInt8](unsafeUninitializedCapacity: Self.portion) { buffer, size in
            count = recv(descriptor, buffer.baseAddress, Self.portion, 0)
            size = max(0, count)
        }
        if count > 0 { return .moved(count) }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? .wouldWait : .ended
    }

    /// Writes as much as fits.
    func write(_ bytes: ArraySlice<UInt8>) -> Outcome {
        let count = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count > 0 { return .moved(count) }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? .wouldWait : .ended
    }

    /// Blocks until there is room, a few milliseconds at most.
    func waitUntilWritable() {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&entry, 1, 5)
    }

    private static func make() throws -> Socket {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(call: "socket") }
        return Socket(descriptor: descriptor)
    }

    private func prepare() throws {
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw Failure(call: "fcntl") }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }

    private static func withAddress<Result>(
        _ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
