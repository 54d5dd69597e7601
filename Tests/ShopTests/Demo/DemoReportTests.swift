import Testing

@testable import ShopDemo

@Suite("The demo's verdict")
struct DemoReportTests {
    private static func report(wrong: Int, problems: [String]) -> DemoReport {
        DemoReport(
            seed: 1, replicas: 4, store: .sqlite, events: .init(published: 10, foreign: 2), outcomes: .init(),
            faults: .init(kills: 3, duplicates: 4, brokerRestarts: 1),
            baseline: .init(mode: "last-write-wins", rows: 9, inconsistentRows: 5, stuckEvents: 0, secondsAfterRest: 1),
            tutorial: .init(mode: "version-check", rows: 9, inconsistentRows: 6, stuckEvents: 7, secondsAfterRest: 4.2),
            tertib: .init(rows: 30, inconsistentRows: wrong), problems: problems, folder: nil, seconds: 1)
    }

    @Test("has two lines, with the numbers that were measured")
    func twoLines() {
        let lines = Self.report(wrong: 0, problems: []).verdict.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].contains("0 of 30 rows") && lines[0].contains("stock is conserved"))
        #expect(
            lines[1].contains("5 of 9 rows") && lines[1].contains("6 of 9")
                && lines[1].contains("7 deliveries stuck 4 seconds later"))
    }

    @Test("is not right with a wrong row or another problem")
    func notRight() {
        #expect(Self.report(wrong: 0, problems: []).isRight)
        #expect(!Self.report(wrong: 1, problems: []).isRight)
        #expect(!Self.report(wrong: 0, problems: ["not at rest"]).isRight)
        #expect(!Self.report(wrong: 0, problems: ["not at rest"]).verdict.contains("conserved"))
    }
}
