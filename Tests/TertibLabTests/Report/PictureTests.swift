import Foundation
import FoundationXML
import TertibTesting
import Testing

@testable import TertibLab

@Suite("Pictures and pages")
struct PictureTests {
    /// What a reader of XML makes of a document.
    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [String: Int] = [:]
        var text = ""

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            elements[name, default: 0] += 1
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    }

    private func read(_ document: String) throws -> Reader {
        let reader = Reader()
        let parser = XMLParser(data: Data(document.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(String(describing: parser.parserError))")
        return reader
    }

    private var report: ExperimentReport {
        var report = ExperimentReport(seed: 7, events: 100)
        for profile in [FaultProfile.none, .kill] {
            for mode in ExperimentMode.allCases {
                for replicas in [1, 4] {
                    var cell = ExperimentCell(mode: mode, profile: profile, replicas: replicas, events: 100, rows: 20)
                    cell.inconsistentRows = mode == .tertib ? 0 : replicas
                    cell.secondsToRest = mode == .versionCheck ? nil : 0.5
                    report.cells.append(cell)
                }
            }
        }
        return report
    }

    @Test("the plot is well-formed, with a panel a profile, a line a mode and a legend")
    func plot() throws {
        let reader = try read(report.picture)
        #expect(reader.elements["svg"] == 1)
        #expect(reader.elements["polyline"] == 2 * 3 + 3)
        for word in ["no fault", "kill -9", "replicas", "last write wins", "tutorials' check", "Tertib", "100 %"] {
            #expect(reader.text.contains(word), "\(word)")
        }
        #expect(report.picture.contains("prefers-color-scheme: dark"))
    }

    @Test("the page of the experiment has a row a cell, and says what never came to rest")
    func page() {
        let page = report.page(picture: "images/plot.svg")
        #expect(page.contains("](images/plot.svg)"))
        #expect(page.split(separator: "\n").count { $0.hasPrefix("| Tertib ") } == 4)
        #expect(page.contains("| tutorials' check | 4 | 4 | 0 | 0 | 0 | 0 | 0.0 | never |"))
        #expect(page.contains("2 % publishes lost"))
    }

    @Test("the report of the chaos is well-formed, whatever a violation says")
    func chaosPage() throws {
        var report = ChaosReport(
            ChaosOptions(seed: 3, length: .seconds(30), events: 100, broker: "", program: ""))
        report.notRun = ["a full disk: <no> root"]
        report.add([Violation(oracle: "state-equals-history", statement: "<b>\"wrong\" & \u{1B}[31m worse</b>")])
        var timeline = ChaosTimeline()
        for second in 0..<20 {
            timeline.add(
                ChaosTimeline.Sample(
                    at: Double(second), messages: second, applied: second, lag: second == 3 ? nil : second * 10,
                    parked: 0,
                    replicas: 1 + second % 8))
        }
        timeline.add(ChaosTimeline.Mark(kind: "kill -9", replica: 2, from: 1, to: 2))
        timeline.add(ChaosTimeline.Mark(kind: "broker restart", replica: nil, from: 5, to: 6))
        timeline.calmAt = 15
        timeline.restAt = 18
        let picture = try read(TimelinePicture(timeline: timeline).document)
        #expect(picture.text.contains("broker restart"))
        #expect(picture.text.contains("at rest"))
        #expect(picture.text.contains("all of them"), "the colours are explained")
        let page = Chaos.Outcome(report: report, timeline: timeline).page
        #expect(page.contains("&lt;b&gt;&quot;wrong&quot; &amp; "))
        #expect(!page.contains("\u{1B}"))
        #expect(page.contains("1 violations."))
        #expect(page.contains("<li>a full disk: &lt;no&gt; root</li>"))
        #expect(page.contains("--store sqlite --minutes 0.5 --events 100 --replicas 4 --seed 3"))
    }

    @Test("an empty timeline gives a picture too, and a long one keeps within its limit")
    func limits() throws {
        _ = try read(TimelinePicture(timeline: ChaosTimeline()).document)
        var timeline = ChaosTimeline()
        for second in 0..<5000 {
            timeline.add(
                ChaosTimeline.Sample(
                    at: Double(second), messages: 0, applied: 0, lag: 1, parked: 0, replicas: 1))
        }
        #expect(timeline.samples.count <= ChaosTimeline.mostSamples)
        #expect(timeline.samples.first?.at == 0)
        #expect(timeline.samples.last?.at == 4999)
    }

    @Test("the steps of an axis are few and round", arguments: [0.5, 1, 3, 7, 18, 100, 999, 20_000])
    func ticks(most: Double) {
        let ticks = Ticks.upTo(most)
        #expect((3...8).contains(ticks.count), "\(ticks)")
        #expect(ticks.first == 0)
        #expect((ticks.last ?? 0) <= most * 1.01)
    }
}
