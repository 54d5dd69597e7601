import TertibRuntime
import TertibCore

/// The deliveries of a durable consumer to one connection of a ``MemoryLog``.
final class MemoryDeliverySource: DeliverySource {
    private let log: MemoryLog
    private let receiver: Int
    private let signal: ChangeSignal

    init(log: MemoryLog, receiver: Int, signal: ChangeSignal) {
        self.log = log
        self.receiver = receiver
        self.signal = signal
    }

    /// A source that nobody holds any more is a connection that has ended.
    deinit {
        let receiver = receiver
        log.broker.change { $0.drop(receiver) }
    }

    func next(upTo limit: Int, waiting wait: Duration) async throws(EventLogError) -> [Delivery] {
        let time = log.broker.time
        let deadline = time.monotonic + wait
        while true {
            let seen = signal.count
            let now = time.monotonic
            switch log.broker.change({ $0.take(limit, for: receiver, at: now) }) {
            case .deliveries(let deliveries): return deliveries
            case .ended(let error): throw error
            case .nothing(let nextDue):
                guard now < deadline, !Task.isCancelled else { return [] }
                await waitForChange(after: seen, atMost: min(deadline, max(nextDue ?? deadline, now)) - now)
            }
        }
    }

    private func waitForChange(after seen: UInt64, atMost duration: Duration) async {
        let (signal, time) = (signal, log.broker.time)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await signal.change(after: seen) }
            // It throws when it is cancelled, which is how the wait ends early.
            group.addTask { try? await time.sleep(for: duration) }
            await group.next()
            group.cancelAll()
        }
    }

    func answer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) async {
        log.tellAnswer(answer, to: deliveries)
        let now = log.broker.time.monotonic
        log.broker.change { stream in
            for delivery in deliveries { stream.answer(answer, to: delivery, for: receiver, at: now) }
        }
    }

    func suspend() async -> [Delivery] {
        log.broker.change { $0.suspend(receiver) }
    }

    func close() async {
        let left = await suspend()
        await answer(.negativeAcknowledge(delay: .zero), to: left)
        log.broker.change { $0.drop(receiver) }
    }
}
