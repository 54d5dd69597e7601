import Foundation

/// What is known about the place that a stream of text goes to.
struct Terminal: Hashable, Sendable {
    /// Whether a person is looking.
    var isInteractive: Bool
    /// How many columns there are; `nil` when lines may be of any length.
    var width: Int?
    /// Whether colours are wanted.
    var hasColor: Bool

    /// No terminal: a file, a pipe, a log.
    static let none = Terminal(isInteractive: false, width: nil, hasColor: false)

    /// Looks at a file descriptor. `COLUMNS` wins over what the terminal says; `NO_COLOR` (no-color.org) and a dumb
    /// terminal mean no colours.
    init(descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment) {
        isInteractive = isatty(descriptor) == 1
        let columns = environment["COLUMNS"].flatMap { Int($0) }.flatMap { (1...10_000).contains($0) ? $0 : nil }
        width = columns ?? (isInteractive ? Self.columns(of: descriptor) ?? 80 : nil)
        hasColor =
            isInteractive && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM", default: "dumb"] != "dumb"
    }

    init(isInteractive: Bool, width: Int?, hasColor: Bool) {
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
enum TextStyle: Hashable, Sendable {
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
    func apply(_ text: String, on terminal: Terminal) -> String {
        guard terminal.hasColor, let code, !text.isEmpty else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}
