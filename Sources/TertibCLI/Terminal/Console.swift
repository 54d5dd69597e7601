import Foundation

/// Where a verb writes: results to standard output, everything else to standard error.
struct Console: Sendable {
    /// What is known about standard output.
    let output: Terminal
    /// What is known about standard error.
    let error: Terminal

    /// The process's own.
    static let standard = Console(
        output: Terminal(descriptor: STDOUT_FILENO), error: Terminal(descriptor: STDERR_FILENO))

    /// Writes a line of the result.
    func write(_ line: String) {
        Self.send(line + "\n", to: STDOUT_FILENO)
    }

    /// Writes the result's lines.
    func write(_ table: Table) {
        for line in table.lines(for: output) { write(line) }
    }

    /// Writes the one document that `--json` promises.
    func write(_ document: JSONValue) {
        write(document.line)
    }

    /// Writes a line that is no result.
    func note(_ line: String) {
        Self.send(line + "\n", to: STDERR_FILENO)
    }

    /// Writes all of the text, with as few calls as the descriptor allows. A reader that has gone away (`| head`) takes
    /// no harm from the rest being lost.
    static func send(_ text: String, to descriptor: Int32) {
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
