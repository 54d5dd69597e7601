import Synchronization

/// The memory store of the interleaving that runs.
final class CurrentMemory: Sendable {
    private let held = Mutex<MemoryStore?>(nil)

    var store: MemoryStore? {
        get { held.withLock { $0 } }
        set { held.withLock { $0 = newValue } }
    }
}
