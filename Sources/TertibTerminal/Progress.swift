import Foundation
import Synchronization

/// Shows how far long work is, how fast it goes and how long it will take: on standard error, and only when that is a
/// terminal.
package final class ProgressBar: Sendable {
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

    package init(
        _ label: String, unit: String, terminal: Terminal = Console.standard.error,
        send: @escaping @Sendable (String) -> Void = { Console.send($0, to: STDERR_FILENO) }
    ) {
        self.label = label
        self.unit = unit
        self.terminal = terminal
        self.send = send
    }

    /// Draws, at most ten times a second.
    package func update(_ done: UInt64, of total: UInt64) {
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
    package func advance(_ count: Int, of total: Int) {
        let done = state.withLock { state in
            state.done += UInt64(max(0, count))
            return state.done
        }
        update(done, of: UInt64(max(0, total)))
    }

    /// Wipes the bar away.
    package func finish() {
        guard terminal.isInteractive, state.withLock({ $0.drawnAt != nil }) else { return }
        send("\r\u{1B}[K")
    }

    /// What is drawn: `Reading  ███████░░░░░  58 %  11,600/20,000 events  9,800/s  0:01 left`.
    package func line(_ done: UInt64, of total: UInt64, after elapsed: Duration) -> String {
        let share = total == 0 ? 1 : min(1, Double(done) / Double(total))
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let left = rate > 0 ? Int(Double(total - min(done, total)) / rate) : 0
        let time = "\(left / 60):" + (left % 60 < 10 ? "0" : "") + "\(left % 60) left"
        let numbers =
            " \(Int(share * 100)) %  \(Words.count(done))/\(Words.count(total)) \(unit)  \(Words.count(Int(rate)))/s  \(time)"
        let room = (terminal.width ?? 80) - DisplayText.width(label) - DisplayText.width(numbers) - 2
        guard room >= 10 else { return DisplayText.cut(label + numbers, to: (terminal.width ?? 80) - 1) }
        let length = min(room, 30)
        let filled = Int(share * Double(length))
        return label + " " + String(repeating: "█", count: filled) + String(repeating: "░", count: length - filled)
            + numbers
    }
}

/// Shows where a long run stands: one line that is drawn anew on a terminal, a line a phase and a minute elsewhere.
package final class StatusLine: Sendable {
    private let console: Console
    private let isSilent: Bool
    private struct State {
        var phase = ""
        var saidAt: ContinuousClock.Instant?
    }
    private let state = Mutex(State())
    private let say: @Sendable (String) -> Void

    private static let interval = Duration.seconds(60)

    /// - Parameter isSilent: whether nothing is said except on a terminal.
    package init(
        console: Console, isSilent: Bool, say: @escaping @Sendable (String) -> Void = { Console.standard.note($0) }
    ) {
        self.console = console
        self.isSilent = isSilent
        self.say = say
    }

    /// Says what begins.
    package func begin(_ text: String) {
        if isWanted { say(text) }
    }

    /// Draws.
    package func show(_ line: String, phase: String, at now: ContinuousClock.Instant = .now) {
        guard isWanted else { return }
        if console.error.isInteractive {
            let text = DisplayText.cut(line, to: (console.error.width ?? 80) - 1)
            Console.send("\r\u{1B}[K" + text, to: STDERR_FILENO)
        } else if isDue(phase, at: now) {
            say(line)
        }
    }

    private func isDue(_ phase: String, at now: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            if phase == state.phase, let saidAt = state.saidAt, now - saidAt < Self.interval { return false }
            state = State(phase: phase, saidAt: now)
            return true
        }
    }

    /// Wipes the line away.
    package func finish() {
        guard isWanted, console.error.isInteractive else { return }
        Console.send("\r\u{1B}[K", to: STDERR_FILENO)
    }

    private var isWanted: Bool { !isSilent || console.error.isInteractive }
}
