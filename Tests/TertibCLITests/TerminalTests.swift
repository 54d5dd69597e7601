import Synchronization
import TertibCore
import TertibTerminal
import Testing

/// What a terminal gets to see.
struct TerminalTests {
    private let wide = Terminal(isInteractive: true, width: nil, hasColor: false)

    @Test("colours are for terminals only, and never with NO_COLOR")
    func colours() throws {
        #expect(
            TextStyle.bad.apply("x", on: Terminal(isInteractive: true, width: 80, hasColor: true))
                == "\u{1B}[31mx\u{1B}[0m")
        #expect(TextStyle.bad.apply("x", on: .none) == "x")
        // Descriptor 1000 is no terminal, whatever the environment says.
        let pipe = Terminal(descriptor: 1000, environment: ["TERM": "xterm", "COLUMNS": "33"])
        #expect(!pipe.hasColor && !pipe.isInteractive)
        #expect(pipe.width == 33)
        #expect(Terminal(descriptor: 1000, environment: [:]).width == nil)
        #expect(Terminal(descriptor: 1000, environment: ["COLUMNS": "zero"]).width == nil)
    }

    @Test(
        "widths are those of a terminal",
        arguments: [("abc", 3), ("ü", 1), ("u\u{308}", 1), ("漢字", 4), ("👩‍👩‍👧", 2), ("", 0)])
    func widths(text: String, width: Int) {
        #expect(DisplayText.width(text) == width)
    }

    @Test("what is cut ends with an ellipsis and fits")
    func cut() {
        #expect(DisplayText.cut("abcdef", to: 6) == "abcdef")
        #expect(DisplayText.cut("abcdef", to: 4) == "abc…")
        #expect(DisplayText.cut("漢字漢字", to: 4) == "漢…")
        #expect(DisplayText.cut("abc", to: 0) == "")
    }

    @Test("a table is aligned, numbers to the right")
    func table() {
        var table = Table([.text("name"), .number("lag"), .text("note")])
        table.add([.init("a"), .init("12"), .init("x")])
        table.add([.init("long"), .init("7"), .init("y\u{1B}z")])
        #expect(table.lines(for: wide) == ["NAME  LAG  NOTE", "a      12  x", "long    7  y\\u{1b}z"])
    }

    @Test("a table fits the terminal: what may shrink is cut", arguments: 13...60)
    func fits(width: Int) {
        var table = Table([.text("aggregate", shrinksTo: 6), .number("version"), .text("error", shrinksTo: 5)])
        table.add([.init("product/漢字漢字漢字"), .init("123"), .init("something went quite wrong there")])
        let lines = table.lines(for: Terminal(isInteractive: true, width: width, hasColor: false))
        #expect(lines.allSatisfy { DisplayText.width($0) <= width })
        #expect(width < 24 || lines[1].contains("123"))
    }

    @Test("sentences are broken between words")
    func paragraph() {
        #expect(
            Paragraph.lines("one two three four", width: 10, bullet: "- ") == ["- one two", "  three", "  four"])
        #expect(Paragraph.lines("one two", width: nil, bullet: "- ") == ["- one two"])
    }

    @Test("numbers and durations are for people")
    func words() {
        #expect(Words.count(0) == "0")
        #expect(Words.count(1_234_567) == "1,234,567")
        #expect(Words.count(-1234) == "-1,234")
        #expect(Words.count(1, "event") == "1 event")
        #expect(Words.count(2, "event") == "2 events")
        #expect(Words.duration(.milliseconds(340)) == "340 ms")
        #expect(Words.duration(.seconds(12)) == "12 s")
        #expect(Words.duration(.seconds(200)) == "3 min 20 s")
        #expect(Words.duration(.seconds(7500)) == "2 h 5 min")
        #expect(Words.duration(.seconds(90_000)) == "1 d 1 h")
    }

    @Test("a progress bar tells share, count, rate and time left, and fits")
    func progress() {
        let bar = ProgressBar(
            "Reading", unit: "messages", terminal: Terminal(isInteractive: true, width: 100, hasColor: false))
        let line = bar.line(5000, of: 20_000, after: .seconds(2))
        #expect(line.contains("25 %"))
        #expect(line.contains("5,000/20,000 messages"))
        #expect(line.contains("2,500/s"))
        #expect(line.contains("0:06 left"))
        for width in 5...120 {
            let bar = ProgressBar(
                "Reading", unit: "messages", terminal: Terminal(isInteractive: true, width: width, hasColor: false))
            #expect(DisplayText.width(bar.line(7, of: 9, after: .seconds(1))) <= width)
        }
    }

    @Test("without a terminal nothing of it is drawn")
    func noProgress() {
        let bar = ProgressBar("Reading", unit: "messages", terminal: .none) { text in
            Issue.record("it drew \(text)")
        }
        bar.update(1, of: 2)
        bar.advance(1, of: 2)
        bar.finish()
    }

    @Test("Where a long run stands is said once a phase and once a minute where there is no terminal")
    func statusLine() {
        let said = Mutex<[String]>([])
        let status = StatusLine(console: Console(output: .none, error: .none), isSilent: false) { text in
            said.withLock { $0.append(text) }
        }
        let start = ContinuousClock.now
        for (second, phase) in [
            (0, "faults"), (30, "faults"), (59, "faults"), (61, "faults"), (62, "rest"), (121, "rest"),
        ] {
            status.show("\(second) s", phase: phase, at: start + .seconds(second))
        }
        #expect(said.withLock { $0 } == ["0 s", "61 s", "62 s"])
    }
}
