import TertibCore
import Testing

@testable import TertibConfiguration

@Suite("The parts of the reader")
struct ReadingTests {
    @Test(
        "read durations",
        arguments: [
            ("0s", 0), ("0ms", 0), ("1ms", 1), ("50ms", 50), ("1s", 1000), ("90s", 90_000), ("1m", 60_000),
            ("1m30s", 90_000), ("1h", 3_600_000), ("1h1m1s1ms", 3_661_001), ("007s", 7000), ("2h30ms", 7_200_030),
            ("9223372036854775807ms", Int64.max),
        ])
    func readDurations(text: String, milliseconds: Int64) {
        #expect(DurationText.parse(text) == .milliseconds(milliseconds))
    }

    @Test(
        "refuse what is no duration, or too long for one",
        arguments: [
            "", "s", "1", "1 s", " 1s", "1s ", "-1s", "+1s", "1.5s", "1,5s", "1S", "1sec", "1min", "1d", "1us", "1s1s",
            "1s1m", "1ms1s", "1m1h", "٣s", "1s1", "9223372036854775808ms", "9223372036854776s", "2562047788015216h",
            "9223372036854775s808ms", "99999999999999999999s", "1mm", "1hs", "1s\n", "\u{0}1s",
        ])
    func refuseOtherTexts(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test("write durations so that they are read back", arguments: 0..<200 as Range<Int64>)
    func writeDurations(seed: Int64) {
        let duration = Duration.milliseconds(seed * seed * seed * 997)
        #expect(DurationText.parse(DurationText.text(duration)) == duration)
    }

    @Test(
        "find the name that was meant",
        arguments: [
            ("bacth", "batch"), ("Batch", "batch"), ("batches", "batch"), ("aggregate", "aggregates"),
            ("maxAckPendng", "maxAckPending"), ("max_ack_pending", "maxAckPending"),
            ("acknowledgmentWait", "acknowledgementWait"), ("ackWait", "acknowledgementWait"),
        ])
    func findTheNearest(name: String, expected: String) {
        #expect(NearestName.nearest(to: name, among: ConsumerReader.keys) == expected)
    }

    @Test("suggest nothing far-fetched", arguments: ["", "x", "ordering", "foo", "zzzzzzzzzzzz", "日本"])
    func suggestNothing(name: String) {
        #expect(NearestName.nearest(to: name, among: ConsumerReader.keys) == nil)
    }

    @Test("write paths so that they can be found")
    func writePaths() {
        let path = JSONPath.root.member("consumers").member("a-b_$1").element(3).member("x y").member("")
        #expect(path.description == "$.consumers.a-b_$1[3][\"x y\"][\"\"]")
    }

    @Test(
        "resolve relative paths",
        arguments: [
            ("/a/b", "/d", "/a/b"), ("a", "/d", "/d/a"), ("./a", "/d/", "/d/a"), ("././a/b", "/", "/a/b"),
            ("../a", "/d", "/d/../a"),
        ])
    func resolvePaths(path: String, directory: String, expected: String) {
        #expect(FileAccess.resolve(path, in: directory) == expected)
    }

    @Test("never trap on damaged text", arguments: 0..<20 as Range<UInt64>)
    func neverTrap(seed: UInt64) throws {
        let original = Array(GoodFiles.everything.utf8)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var refused = 0
        for _ in 0..<40 {
            var text = original
            for _ in 0...next(3) {
                let index = next(text.count)
                switch next(3) {
                case 0: text[index] = UInt8(next(256))
                case 1: text.remove(at: index)
                default: text.removeSubrange(index..<min(text.count, index + next(40)))
                }
            }
            do {
                _ = try ServiceConfiguration.read(text, file: "f", directory: "/nowhere")
            } catch {
                refused += 1
                #expect(!error.problems.isEmpty)
            }
        }
        #expect(refused > 0)
    }
}
