import Foundation
import TertibLab

extension ChaosReport {
    /// What `--json` prints.
    var document: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// What people see: what was done, what came of it, and the verdict.
    func lines(for terminal: Terminal) -> [String] {
        var table = Table([.text("faults"), .number("times"), .text("deliveries"), .number("times")])
        let left = faultRows.map { ($0.name, Words.count($0.count)) }
        let right = outcomeRows.map { ($0.name, Words.count($0.count)) }
        for index in 0..<max(left.count, right.count) {
            let fault = index < left.count ? left[index] : ("", "")
            let outcome = index < right.count ? right[index] : ("", "")
            table.add([.init(fault.0), .init(fault.1), .init(outcome.0), .init(outcome.1)])
        }
        let rest = secondsToRest.map { ", at rest \($0) s after the faults" } ?? ""
        var lines = [
            "\(Words.count(events, "event")) of \(Words.count(aggregates, "aggregate")) in \(seconds) s\(rest); "
                + "seed \(seed).", "",
        ]
        lines += table.lines(for: terminal)
        lines.append("")
        lines += notRun.map { "not run: " + SafeText.escaped($0) }
        lines += violations.map { violation in
            TextStyle.bad.apply("\(violation.oracle.rawValue) \(violation.oracle.name): ", on: terminal)
                + SafeText.escaped(violation.what)
        }
        if violationCount > violations.count { lines.append("... and \(violationCount - violations.count) more") }
        if let folder { lines.append("Databases and logs are in \(SafeText.escaped(folder)).") }
        if interrupted { lines.append("It was stopped before its end, and nothing was compared.") }
        let verdict =
            isRight && interrupted
            ? "Nothing was wrong until then."
            : isRight
                ? "Nothing is lost, nothing is applied twice, nothing is out of order."
                : "\(Words.count(violationCount, "violation")): run it again with \(command) --keep."
        return lines + [(isRight ? TextStyle.good : .bad).apply(verdict, on: terminal)]
    }
}

extension ChaosProgress {
    /// `12 s  load and faults  4,120 messages  lag 31  5 parked  8 faults  0 violations`
    var line: String {
        var parts = [
            "\(Int(sample.at)) s", phase, "\(Words.count(sample.messages)) messages",
            "\(Words.count(sample.applied)) applied", "lag \(sample.lag.map { Words.count($0) } ?? "-")",
            "\(sample.parked.map { Words.count($0) } ?? "-") parked", Words.count(sample.replicas, "replica"),
            Words.count(faults, "fault"),
        ]
        if violations > 0 { parts.append(Words.count(violations, "violation")) }
        return parts.joined(separator: "  ")
    }
}
