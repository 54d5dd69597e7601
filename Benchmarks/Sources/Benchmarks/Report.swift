import Foundation

/// The measurements for people, and for programs.
struct Report {
    private let measurements: [Measurement]

    init(_ measurements: [Measurement]) {
        self.measurements = measurements
    }

    /// One document.
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return String(decoding: try encoder.encode(measurements), as: UTF8.self)
        }
    }

    /// A table in Markdown.
    var table: String {
        let rows = measurements.map { measurement in
            [
                measurement.kind, measurement.name, "\(measurement.events)", Self.text(measurement.seconds, 2),
                Self.text(measurement.perSecond, 0), measurement.ratio.map { Self.text($0, 2) } ?? "",
            ]
        }
        let lines =
            [["what", "by", "events", "seconds", "events/s", "of raw"], Array(repeating: "---", count: 6)] + rows
        return lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
    }

    private static func text(_ number: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", number)
    }
}
