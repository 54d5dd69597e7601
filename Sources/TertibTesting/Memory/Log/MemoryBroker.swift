import Synchronization
import TertibRuntime
import TertibCore

/// One broker in memory, which the connections of several replicas share.
final class MemoryBroker: Sendable {
    let time: any TimeSource
    let changes = ChangeSignal()
    private let stream: Mutex<MemoryStream>
    private let lastConnection = Mutex(0)

    init(_ stream: MemoryStream, time: any TimeSource) {
        self.time = time
        self.stream = Mutex(stream)
    }

    func nextConnection() -> Int {
        lastConnection.withLock { number in
            number += 1
            return number
        }
    }

    /// Looks at the stream.
    func look<Result: Sendable>(_ body: (inout MemoryStream) -> Result) -> Result {
        stream.withLock { body(&$0) }
    }

    /// Changes the stream, and tells everybody whom it concerns.
    func change<Result: Sendable>(_ body: (inout MemoryStream) -> Result) -> Result {
        let (result, signals) = stream.withLock { stream in
            let result = body(&stream)
            return (result, stream.takeNotifications())
        }
        for signal in signals { signal.notify() }
        changes.notify()
        return result
    }

    /// Changes the stream by an administrator's hand: then everything is dealt anew.
    func administer(_ body: (inout MemoryStream) -> Void) {
        let now = time.monotonic
        change { stream in
            body(&stream)
            for name in stream.durables.keys.sorted() {
                stream.deal(name, at: now)
                stream.wakeReceivers(of: name)
            }
        }
    }
}
