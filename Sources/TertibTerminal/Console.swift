import Foundation
package import TertibCore

/// What is known about the place that a stream of text goes to.
package struct Terminal: Hashable, Sendable {
    /// Whether a person is looking.
    package var isInteractive: Bool
    /// How many columns there are; `nil` when lines may be of any length.
    package var width: Int?
    /// Whether colours are wanted.
    package var hasColor: Bool

    /// No terminal: a file, a pipe, a log.
    package static let none = Terminal(isInteractive: false, width: nil, hasColor: false)

    /// Looks at a file descriptor. `COLUMNS` wins over what the terminal says; `NO_COLOR` (no-color.org) and a dumb
    /// terminal mean no colours.
    package init(descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment) {
        isInteractive = isatty(descriptor) == 1
        let columns = environment["COLUMNS"].flatMap { Int($0) }.flatMap { (1...10_000).contains($0) ? $0 : nil }
        width = columns ?? (isInteractive ? Self.columns(of: descriptor) ?? 80 : nil)
        hasColor =
            isInteractive && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM", default: "dumb"] != "dumb"
    }

    package init(isInteractive: Bool, width: Int?, hasColor: Bool) {
        self.isInteractive = isInteractive
        self.width = width
        self.hasColor = hasColor
    }

    private static func columns(of descriptor: Int32) -> Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}

/// How a piece of text looks on a terminal.
package enum TextStyle: Hashable, Sendable {
    case plain, bold, faint, good, warning, bad

    private var code: String? {
        switch self {
        case .plain: nil
        case .bold: "1"
        case .faint: "2"
        case .good: "32"
        case .warning: "33"
        case .bad: "31"
        }
    }

    /// The text in this style; unchanged where there are no colours.
    package func apply(_ text: String, on terminal: Terminal) -> String {
        guard terminal.hasColor, let code, !text.isEmpty else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}

/// Where a verb writes: results to standard output, everything else to standard error.
package struct Console: Sendable {
    /// What is known about standard output.
    package let output: Terminal
    /// What is known about standard error.
    package let error: Terminal

    package init(output: Terminal, error: Terminal) {
        self.output = output
        self.error = error
    }

    /// The process's own.
    package static let standard = Console(
        output: Terminal(descriptor: STDOUT_FILENO), error: Terminal(descriptor: STDERR_FILENO))

    /// Writes a line of the result.
    package func write(_ line: String) {
        Self.send(line + "\n", to: STDOUT_FILENO)
    }

    /// Writes the result's lines.
    package func write(_ table: Table) {
        for line in table.lines(for: output) { write(line) }
    }

    /// Writes the one document that `--json` promises.
    package func write(_ document: JSONValue) {
        write(document.line)
    }

    /// Writes a line that is no result.
    package func note(_ line: String) {
        Self.send(line + "\n", to: STDERR_FILENO)
    }

    /// Writes the lines of a failure.
    package func note(_ failure: Failure) {
        for line in failure.lines(for: error) { note(line) }
    }

    /// Writes all of the text, with as few calls as the descriptor allows. A reader that has gone away (`| head`) takes
    /// no harm from the rest being lost.
    package static func send(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if count < 0, errno != EINTR, errno != EAGAIN {
                return
            }
        }
    }
}
