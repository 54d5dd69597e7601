import Foundation
import Logging
import Synchronization
import TertibRuntime
import TertibCore
import Testing

@testable import TertibConfiguration

@Suite("A log line")
struct LineLogHandlerTests {
    private func lines(_ format: LogFormat, _ body: (Logger) -> Void) -> [String] {
        let sink = Sink()
        let logger = Logger(label: "tertib") { label in
            LineLogHandler(label: label, format: format, time: FixedTime()) { sink.add($0) }
        }
        body(logger)
        return sink.lines
    }

    @Test("is for people")
    func isForPeople() {
        let lines = lines(.text) { logger in
            logger.info("the consumer is running", metadata: ["tertib.consumer": "orders", "a": "b \"c\""])
            logger.debug("not shown")
        }
        #expect(
            lines == [
                "2026-03-01T11:00:00.000000Z info tertib: the consumer is running a=\"b \\\"c\\\"\" "
                    + "tertib.consumer=\"orders\"\n"
            ])
    }

    @Test("is a JSON object")
    func isJSON() throws {
        let lines = lines(.json) { logger in
            logger.warning("it's \"quoted\"\n", metadata: ["tertib.consumer": "orders"])
        }
        let line = try #require(lines.first)
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
        #expect(
            object == [
                "time": "2026-03-01T11:00:00.000000Z", "level": "warning", "logger": "tertib",
                "message": "it's \"quoted\"\n", "tertib.consumer": "orders",
            ])
    }

    @Test("stays one line, and moves no terminal", arguments: LogFormat.allCases)
    func staysOneLine(format: LogFormat) {
        let hostile = "\u{1B}[2J\r\n\u{202E}\u{85}\u{2028}x"
        let lines = lines(format) { logger in
            logger.error("\(hostile)", metadata: ["\(hostile)": "\(hostile)"])
        }
        #expect(lines.count == 1)
        for scalar in (lines.first ?? "").unicodeScalars.dropLast() {
            #expect(![0x1B, 0x0D, 0x0A, 0x202E, 0x85, 0x2028].contains(scalar.value))
        }
    }

    @Test("is made by the logger of the configuration, from its level on")
    func isMadeByTheConfiguration() {
        let logger = LogConfiguration(level: .error, format: .json).makeLogger(label: "tertib")
        #expect(logger.logLevel == .error)
        #expect((logger.handler as? LineLogHandler)?.format == .json)
    }
}

/// Collects what is logged.
private final class Sink: Sendable {
    private let collected = Mutex<[String]>([])

    var lines: [String] { collected.withLock { $0 } }

    func add(_ line: String) { collected.withLock { $0.append(line) } }
}

/// A clock that stands.
private struct FixedTime: TimeSource {
    var monotonic: Duration { .zero }
    var wall: Timestamp { Timestamp(microseconds: 1_772_362_800_000_000) }
    func sleep(for duration: Duration) async throws {}
}
