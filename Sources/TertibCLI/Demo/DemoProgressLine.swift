import Foundation
import ShopDemo
import Synchronization

/// Shows where the demo stands: one line that is drawn anew on a terminal, a line a phase elsewhere.
final class DemoProgressLine: Sendable {
    private let console: Console
    private let isSilent: Bool
    private let phase = Mutex("")

    init(console: Console, isSilent: Bool) {
        self.console = console
        self.isSilent = isSilent
    }

    /// Says what begins.
    func begin(_ options: DemoOptions) {
        guard isWanted else { return }
        console.note(
            "A shop of three services with \(Words.count(options.replicas, "process", "processes")) each, and two wrong "
                + "ways beside it; seed \(options.seed).")
    }

    /// Draws.
    func show(_ progress: DemoProgress) {
        guard isWanted else { return }
        let isNewPhase = phase.withLock { phase in
            defer { phase = progress.phase }
            return phase != progress.phase
        }
        if console.error.isInteractive {
            let text = SafeText.cut(Self.line(progress), to: (console.error.width ?? 80) - 1)
            Console.send("\r\u{1B}[K" + text, to: STDERR_FILENO)
        } else if isNewPhase {
            console.note(Self.line(progress))
        }
    }

    /// Wipes the line away.
    func finish() {
        guard isWanted, console.error.isInteractive else { return }
        Console.send("\r\u{1B}[K", to: STDERR_FILENO)
    }

    private var isWanted: Bool { !isSilent || console.error.isInteractive }

    /// `12 s  load and faults  4,120 events  5,310 applied  212 stale  401 held  380 parked  12 repaired  5 kills`
    static func line(_ progress: DemoProgress) -> String {
        let outcomes = progress.outcomes
        let numbers = [
            (progress.published, "events"), (outcomes.applied, "applied"), (outcomes.stale, "stale"),
            (outcomes.held, "held"), (outcomes.parked, "parked"), (outcomes.repaired, "repaired"),
            (progress.faults.kills, "kills"),
        ]
        let words = numbers.map { "\(Words.count($0.0)) \($0.1)" }.joined(separator: "  ")
        return "\(progress.elapsed.components.seconds) s  \(progress.phase)  \(words)"
    }
}
