import Foundation
import Synchronization

/// Shows where a long run stands: one line that is drawn anew on a terminal, a line a phase elsewhere.
final class StatusLine: Sendable {
    private let console: Console
    private let isSilent: Bool
    private let phase = Mutex("")

    /// - Parameter isSilent: whether nothing is said except on a terminal.
    init(console: Console, isSilent: Bool) {
        self.console = console
        self.isSilent = isSilent
    }

    /// Says what begins.
    func begin(_ text: String) {
        if isWanted { console.note(text) }
    }

    /// Draws.
    func show(_ line: String, phase current: String) {
        guard isWanted else { return }
        let isNewPhase = phase.withLock { phase in
            defer { phase = current }
            return phase != current
        }
        if console.error.isInteractive {
            let text = SafeText.cut(line, to: (console.error.width ?? 80) - 1)
            Console.send("\r\u{1B}[K" + text, to: STDERR_FILENO)
        } else if isNewPhase {
            console.note(line)
        }
    }

    /// Wipes the line away.
    func finish() {
        guard isWanted, console.error.isInteractive else { return }
        Console.send("\r\u{1B}[K", to: STDERR_FILENO)
    }

    private var isWanted: Bool { !isSilent || console.error.isInteractive }
}
