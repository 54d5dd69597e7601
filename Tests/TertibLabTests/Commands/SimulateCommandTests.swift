import Foundation
import TestServers
import Testing

@Suite("tertib-lab simulate and replay")
struct SimulateCommandTests {
    @Test("runs seeds, and says in one document what came of it")
    func document() async throws {
        let outcome = try await Tool.lab.run("simulate", "--seeds", "0..4", "--twice", "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let document = try outcome.document()
        #expect(document["schedules"] == "4")
        #expect(document["violations"] == "0")
        #expect(document.count("unequal") == 0)
        #expect(Double(document["schedulesPerSecond"] ?? "") ?? 0 > 0)
        #expect(document.keys("rareBranches")?.isSuperset(of: ["parked", "lostClaim", "unknownCommitted"]) == true)
    }

    @Test("prints the same trace of a seed, byte for byte, from another process")
    func traces() async throws {
        let first = try await Tool.lab.run("simulate", "--seeds", "3..4", "--trace")
        let second = try await Tool.lab.run("simulate", "--seeds", "3..4", "--trace")
        #expect(first.status == 0)
        #expect(first.output == second.output)
        #expect(first.output.contains("the stream stores"))
        #expect(first.output.contains("trace "))
    }

    @Test("prints the one report with the traces in it, the same traces from another process")
    func tracedDocument() async throws {
        let arguments = ["simulate", "--seeds", "3..5", "--trace", "--twice", "--json"]
        let (first, second) = (try await Tool.lab.run(arguments), try await Tool.lab.run(arguments))
        #expect(first.status == 0, "\(first.errors)")
        let document = try first.document()
        #expect(document.keys() == Self.keys)
        #expect(document["schedules"] == "2")
        #expect(document["violations"] == "0")
        #expect(document["replay"] == "null")
        #expect(document.count("runs") == 2)
        #expect(document["runs.1.seed"] == "4")
        #expect(document["runs.1.violations"] != nil)
        #expect(document.count("runs.1.timeline") ?? 0 > 20)
        let traces = try #require(first.output.firstRange(of: #""runs":["#))
        #expect(second.output.hasSuffix(first.output[traces.lowerBound...]))
    }

    private static let keys: Set = [
        "engine", "schedules", "schedulesPerSecond", "steps", "virtualSeconds", "violations", "unequal", "rareBranches",
        "rare", "missedBranches", "failures", "minimal", "replay", "runs",
    ]

    @Test("names a seed beyond the signed numbers as it is")
    func largestSeed() async throws {
        let range = "18446744073709551614..18446744073709551615"
        let outcome = try await Tool.lab.run("simulate", "--seeds", range, "--trace", "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try outcome.document()["runs.0.seed"] == "18446744073709551614")
    }

    @Test("misses the rare branches that it is asked for, names them, and ends with 1")
    func rare() async throws {
        let arguments = ["simulate", "--seeds", "0..1", "--rare", "1000000"]
        let outcome = try await Tool.lab.run(arguments + ["--json"])
        #expect(outcome.status == 1)
        #expect(try outcome.document().count("missedBranches") ?? 0 > 10)
        let told = try await Tool.lab.run(arguments + ["--trace"])
        #expect(told.status == 1)
        #expect(told.output.contains("fewer than 1,000,000 times"))
        #expect(told.output.contains("lostTail (0)"))
    }

    @Test("replays a run from a file, and ends with 1 when an oracle objects")
    func replay() async throws {
        let folder = try TemporaryDirectory()
        let bad = try await plan(aggregate: "order/1", in: folder)  // nobody has staged it
        let smaller = folder.path + "/new/smaller.json"
        let outcome = try await Tool.lab.run("replay", bad, "--output", smaller)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("published-iff-committed: order/1@1 is published"))
        #expect(outcome.output.contains("made smaller:"))
        #expect(outcome.output.contains("Run it again: tertib-lab replay \(smaller)"))
        let good = try await plan(aggregate: "product/2", in: folder)
        #expect(try await Tool.lab.run("replay", good).status == 0)
        let again = try await Tool.lab.run("replay", smaller, "--twice", "--trace", "--json")
        #expect(again.status == 1)
        let document = try again.document()
        #expect(document.keys() == Self.keys)
        #expect(document["violations"] == "1")
        #expect(document.count("unequal") == 0)
        #expect(document["replay"] == smaller)
        #expect(document["failures.0.violations.0"]?.contains("order/1@1") == true)
        #expect(document.count("runs.0.timeline") ?? 0 > 10)
        #expect(try String(contentsOfFile: smaller, encoding: .utf8).contains("product/1") == false)
    }

    @Test("prints what it has found although the failing run cannot be written")
    func unwritten() async throws {
        let folder = try TemporaryDirectory()
        let bad = try await plan(aggregate: "order/1", in: folder)
        let outcome = try await Tool.lab.run(
            "replay", bad, "--output", "/dev/full", "--json")  // it opens, and takes nothing
        #expect(outcome.status == 1)
        let document = try outcome.document()
        #expect(document["violations"] == "1")
        #expect(document["replay"] == "null")
        #expect(document.count("minimal") ?? 0 > 1)
        #expect(outcome.errors.contains("/dev/full cannot be written"))
    }

    private func plan(aggregate: String, in folder: TemporaryDirectory) async throws -> String {
        let options = #"{"seed":1,"isolation":"serial","replicas":1,"milliseconds":100}"#
        let first = #"{"at":0,"aggregate":"product/1","version":1}"#
        let events = #"[\#(first),{"at":10,"aggregate":"\#(aggregate)","version":1}]"#
        return try folder.write(#"{"options":\#(options),"events":\#(events)}"#, to: "plan.json")
    }

    @Test(
        "refuses arguments that make no sense",
        arguments: [
            ["simulate"], ["simulate", "--seeds", "4..4"], ["simulate", "--seeds", "4"],
            ["simulate", "--seeds", "0..1", "--every-call"], ["simulate", "--seeds", "0..1", "--long"],
            ["simulate", "--seeds", "0..1", "--output", "/proc/none/failure.json"], ["replay"], ["replay", "/no"],
            ["explore", "--every-call"], ["explore", "--world", "nowhere"], ["explore", "--long", "--seeds", "0..1"],
            ["explore", "--output", "/proc/none/failure.json"],
        ])
    func refuses(arguments: [String]) async throws {
        let outcome = try await Tool.lab.run(arguments)
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("next:"))
    }
}
