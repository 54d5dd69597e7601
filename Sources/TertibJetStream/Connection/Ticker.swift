import Dispatch

/// Calls a closure every 50 milliseconds, on a thread of Dispatch's, until it is cancelled.
///
/// `@unchecked Sendable`: a dispatch source is itself safe to use from any thread, and the reference never changes.
final class Ticker: @unchecked Sendable {
    private let source: any DispatchSourceTimer

    init(_ tick: @escaping @Sendable () -> Void) {
        source = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "tertib.jetstream.ticker"))
        source.schedule(deadline: .now(), repeating: .milliseconds(50), leeway: .milliseconds(10))
        source.setEventHandler(handler: tick)
        source.resume()
    }

    func cancel() { source.cancel() }

    deinit { source.cancel() }
}
