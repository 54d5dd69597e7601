import Foundation

/// What must not be seen in any log: it is put where a careless program would let it out.
enum Canary {
    /// In payloads, also of events that fail.
    static let payload = "canary-payload-5b1f"
    /// Behind a hostile aggregate id's number: it would colour a terminal, forge a line, and end a statement.
    static let id = "\u{1B}[31m\r\(forged) TABLE lab_row; --"
    private static let forged = "'; DROP"
    /// What shows that an id like that was logged.
    private static let witness = "DROP TABLE"

    /// What a log is found to show.
    struct Finding: Hashable, Sendable {
        var lines = 0
        /// Lines about hostile ids.
        var hostileLines = 0
        var violations: [LabViolation] = []
    }

    /// Looks through the replicas' logs.
    static func look(intoLogsIn folder: String, secrets: [String]) throws -> Finding {
        var sum = Finding()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        where name.hasPrefix("replica-") && name.hasSuffix(".log") {
            let log = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
            let finding = look(into: log, of: name, secrets: secrets)
            sum.lines += finding.lines
            sum.hostileLines += finding.hostileLines
            sum.violations += finding.violations
        }
        return sum
    }

    /// Looks through a log.
    /// - Parameter secrets: what else must not be in it.
    static func look(into log: Data, of name: String, secrets: [String]) -> Finding {
        var finding = Finding()
        for line in log.split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line, as: UTF8.self)
            finding.lines += 1
            if text.contains(witness) { finding.hostileLines += 1 }
            var faults: [String] = []
            if line.contains(0x1B) || line.contains(0x0D) || text.hasPrefix(forged) {
                faults.append("has somebody else's control characters")
            }
            if text.contains(payload) { faults.append("shows a payload") }
            if secrets.contains(where: text.contains) { faults.append("shows a secret") }
            finding.violations += faults.map { LabViolation(.secrecy, "line \(finding.lines) of \(name)'s log \($0)") }
        }
        return finding
    }
}
