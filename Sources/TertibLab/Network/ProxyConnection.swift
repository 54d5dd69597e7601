import Glibc

/// One direction of a connection: what was read here waits until it may be written there.
struct ProxyFlow {
    private struct Chunk {
        var bytes: ArraySlice<UInt8>
        let ready: ContinuousClock.Instant
    }

    private var chunks: [Chunk] = []
    private var size = 0
    var splitter = ProtocolSplitter()
    /// Whether the source has nothing more to say.
    var hasEnded = false

    /// So much waits at most; then the source has to.
    private static let limit = 1 << 20

    /// Whether there is room for more.
    var hasRoom: Bool { size < Self.limit && !hasEnded }

    /// When the first waiting bytes may go; `nil` when none wait.
    var ready: ContinuousClock.Instant? { chunks.first?.ready }

    /// Whether everything that will ever come has gone.
    var isDone: Bool { hasEnded && chunks.isEmpty }

    mutating func add(_ bytes: [UInt8], ready: ContinuousClock.Instant) {
        guard !bytes.isEmpty else { return }
        chunks.append(Chunk(bytes: bytes[...], ready: ready))
        size += bytes.count
    }

    /// Writes what may go. Returns whether the sink still takes bytes.
    mutating func write(to sink: Socket, at now: ContinuousClock.Instant) -> Bool {
        while let first = chunks.first, first.ready <= now {
            switch sink.write(first.bytes) {
            case .moved(let count):
                size -= count
                if count == first.bytes.count {
                    chunks.removeFirst()
                } else {
                    chunks[0].bytes = first.bytes.dropFirst(count)
                }
            case .wouldWait: return true
            case .ended: return false
            }
        }
        return true
    }
}

/// A replica's connection, and the one to the server that belongs to it.
final class ProxyConnection {
    /// When it is over, although neither side has ended it.
    enum Ending {
        case now
        /// As soon as the server has got what the replica has said.
        case whenWritten
    }

    let link: Int
    let client: Socket
    /// `nil` once the server's side is closed while the client's is not.
    var server: Socket?
    var ending: Ending?
    var upwards = ProxyFlow()
    var downwards = ProxyFlow()

    init(link: Int, client: Socket, server: Socket?) {
        self.link = link
        self.client = client
        self.server = server
    }

    /// Whether its ending has come.
    var isOver: Bool {
        switch ending {
        case nil: false
        case .now: true
        case .whenWritten: upwards.ready == nil
        }
    }
}
