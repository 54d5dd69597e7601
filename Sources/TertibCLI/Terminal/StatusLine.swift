import Foundation
import Synchronization

/// Shows where a long run stands: one line that is drawn anew on a terminal, a line a phase and a minute elsewhere.
final class StatusLine: Sendable {
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
    init(
        console: Console, isSilent: Bool, say: @escaping @Sendable (String) -> Void = { Console.standard.note($0) }
    ) {
        self.console = console
        self.isSilent = isSilent
        self.say = say
    }

    /// Says what begins.
    func begin(_ text: String) {
        if isWanted { say(text) }
    }

    /// Draws.
    func show(_ line: String, phase: String, at now: ContinuousClock.Instant = .now) {
        guard isWanted else { return }
        if console.error.isInteractive {
            let text = SafeText.cut(line, to: (console.error.width ?? 80) - 1)
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
    func finish() {
        guard isWanted, console.error.isInteractive else { return }
        Console.send("\r\u{1B}[K", to: STDERR_FILENO)
    }

    private var isWanted: Bool { !isSilent || console.error.isInteractive }
}
