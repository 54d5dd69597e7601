import Foundation
import TestServers
import Testing

@Suite("tertib lab simulate")
struct SimulateCommandTests {
    @Test("runs seeds, and says in one document what came of it")
    func document() async throws {
        let outcome = try await Tool.run("lab", "simulate", "--seeds", "0..4", "--twice", "--json")
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
        let first = try await Tool.run("lab", "simulate", "--seeds", "3..4", "--trace")
        let second = try await Tool.run("lab", "simulate", "--seeds", "3..4", "--trace")
        #expect(first.status == 0)
        #expect(first.output == second.output)
        #expect(first.output.contains("the stream stores"))
        #expect(first.output.contains("trace "))
    }

    @Test("misses the rare branches that it is asked for, and ends with 1")
    func rare() async throws {
        let outcome = try await Tool.run("lab", "simulate", "--seeds", "0..1", "--rare", "1000000", "--json")
        #expect(outcome.status == 1)
        #expect(try outcome.document().count("missedBranches") ?? 0 > 10)
    }

    @Test("replays a run from a file, and ends with 1 when an oracle objects")
    func replay() async throws {
        let folder = try TemporaryDirectory()
        let bad = try await plan(aggregate: "order/1", in: folder)  // nobody has staged it
        let outcome = try await Tool.run("lab", "simulate", "--replay", bad)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("published-iff-committed: order/1@1 is published"))
        let good = try await plan(aggregate: "product/1", in: folder)
        #expect(try await Tool.run("lab", "simulate", "--replay", good).status == 0)
    }

    private func plan(aggregate: String, in folder: TemporaryDirectory) async throws -> String {
        let options = #"{"seed":1,"isolation":"serial","replicas":1,"milliseconds":100}"#
        let events = #"[{"at":0,"aggregate":"\#(aggregate)","version":1}]"#
        return try folder.write(#"{"options":\#(options),"events":\#(events)}"#, to: "plan.json")
    }

    @Test(
        "refuses arguments that make no sense",
        arguments: [
            [], ["--seeds", "4..4"], ["--seeds", "4"], ["--seeds", "0..1", "--every-call"], ["--replay", "/no"],
            ["--engine", "runtime", "--exhaustive"], ["--seeds", "0..1", "--long"],
            ["--engine", "explorer", "--every-call"],
            ["--engine", "explorer", "--exhaustive", "--world", "nowhere"],
        ])
    func refuses(arguments: [String]) async throws {
        let outcome = try await Tool.run(["lab", "simulate"] + arguments)
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("next:"))
    }
}
