import Foundation
import Synchronization

/// Shows how far long work is, how fast it goes and how long it will take: on standard error, and only when that is a
/// terminal.
final class ProgressBar: Sendable {
    private struct State {
        var drawnAt: ContinuousClock.Instant?
        var done: UInt64 = 0
    }

    private let label: String
    private let unit: String
    private let terminal: Terminal
    private let startedAt = ContinuousClock.now
    private let state = Mutex(State())
    private let send: @Sendable (String) -> Void

    init(
        _ label: String, unit: String, terminal: Terminal = Console.standard.error,
        send: @escaping @Sendable (String) -> Void = { Console.send($0, to: STDERR_FILENO) }
    ) {
        self.label = label
        self.unit = unit
        self.terminal = terminal
        self.send = send
    }

    /// Draws, at most ten times a second.
    func update(_ done: UInt64, of total: UInt64) {
        guard terminal.isInteractive else { return }
        let now = ContinuousClock.now
        let isDue = state.withLock { state in
            if let drawnAt = state.drawnAt, now - drawnAt < .milliseconds(100) { return false }
            state.drawnAt = now
            return true
        }
        guard isDue else { return }
        send("\r\u{1B}[K" + line(done, of: total, after: now - startedAt))
    }

    /// Adds to what is done, and draws.
    func advance(_ count: Int, of total: Int) {
        let done = state.withLock { state in
            state.done += UInt64(max(0, count))
            return state.done
        }
        update(done, of: UInt64(max(0, total)))
    }

    /// Wipes the bar away.
    func finish() {
        guard terminal.isInteractive, state.withLock({ $0.drawnAt != nil }) else { return }
        send("\r\u{1B}[K")
    }

    /// What is drawn: `Reading  ███████░░░░░  58 %  11,600/20,000 events  9,800/s  0:01 left`.
    func line(_ done: UInt64, of total: UInt64, after elapsed: Duration) -> String {
        let share = total == 0 ? 1 : min(1, Double(done) / Double(total))
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let left = rate > 0 ? Int(Double(total - min(done, total)) / rate) : 0
        let time = "\(left / 60):" + (left % 60 < 10 ? "0" : "") + "\(left % 60) left"
        let numbers =
            " \(Int(share * 100)) %  \(Words.count(done))/\(Words.count(total)) \(unit)  \(Words.count(Int(rate)))/s  \(time)"
        let room = (terminal.width ?? 80) - SafeText.width(label) - SafeText.width(numbers) - 2
        guard room >= 10 else { return SafeText.cut(label + numbers, to: (terminal.width ?? 80) - 1) }
        let length = min(room, 30)
        let filled = Int(share * Double(length))
        return label + " " + String(repeating: "█", count: filled) + String(repeating: "░", count: length - filled)
            + numbers
    }
}
