import Synchronization

/// What is made for the run, most of which has to be removed after it.
final class ChaosProps: Sendable {
    private struct State {
        var disk: SmallDisk?
        var brokerDisk: SmallDisk?
        var server: ThrowawayPostgres?
        var postgres: ChaosPostgres?
        var run: ChaosRun?
        var purges = false
        var notRun = ["handlers that trap at every attempt, or never return: the bus does not isolate them yet"]
    }
    private let state = Mutex(State())

    var disk: SmallDisk? {
        get { state.withLock(\.disk) }
        set { state.withLock { $0.disk = newValue } }
    }
    var brokerDisk: SmallDisk? {
        get { state.withLock(\.brokerDisk) }
        set { state.withLock { $0.brokerDisk = newValue } }
    }
    var server: ThrowawayPostgres? {
        get { state.withLock(\.server) }
        set { state.withLock { $0.server = newValue } }
    }
    var postgres: ChaosPostgres? {
        get { state.withLock(\.postgres) }
        set { state.withLock { $0.postgres = newValue } }
    }
    /// Whether a purge of a subject leaves the broker's consumers where they are.
    var purges: Bool {
        get { state.withLock(\.purges) }
        set { state.withLock { $0.purges = newValue } }
    }
    /// The run, once it is one.
    var run: ChaosRun? {
        get { state.withLock(\.run) }
        set { state.withLock { $0.run = newValue } }
    }
    var notRun: [String] { state.withLock(\.notRun) }

    func doWithout(_ what: String) { state.withLock { $0.notRun.append(what) } }
}
