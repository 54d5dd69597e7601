import TestServers
import Testing

@testable import ModelChecker

@Suite("The commands explore and replay")
struct ExplorerCommandTests {
    @Test("Explore takes the schedules of seeds, and reports them in the document that simulate writes")
    func document() async throws {
        let outcome = try await Tool.lab.run(["explore", "--seeds", "5..65", "--twice", "--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let document = try outcome.document()
        #expect(document["engine"] == "explorer")
        #expect(document["schedules"] == "60")
        #expect(document["violations"] == "0")
        #expect(document.count("unequal") == 0)
        #expect(Double(document["schedulesPerSecond"] ?? "") ?? 0 > 0)
        #expect(document.keys("rareBranches")?.isSuperset(of: ["parked", "lostClaim", "drainThenPark"]) == true)
    }

    @Test("Explore prints the same trace of a seed, byte for byte, from another process")
    func traces() async throws {
        let first = try await Tool.lab.run(["explore", "--seeds", "3..9", "--trace"])
        let second = try await Tool.lab.run(["explore", "--seeds", "3..9", "--trace"])
        #expect(first.status == 0)
        #expect(first.output == second.output)
        #expect(first.output.contains("replica A begins a transaction with product/"))
        #expect(first.output.contains(" steps, trace "))
        let document = try await Tool.lab.run(["explore", "--seeds", "3..9", "--trace", "--json"]).document()
        #expect(document["schedules"] == "6")
        #expect(document["violations"] == "0")
        #expect(document.keys("rareBranches")?.contains("lostClaim") == true)
        #expect(document["runs.5.seed"] == "8")
        #expect(document.count("runs.5.timeline") ?? 0 > 2)
    }

    @Test("Explore goes through a small world to its end, and counts")
    func exhaustive() async throws {
        let outcome = try await Tool.lab.run(["explore", "--world", "two events of one", "--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let document = try outcome.document()
        #expect(document.count("worlds") == 1)
        #expect(Int(document["states"] ?? "") ?? 0 > 1000)
        #expect(Int(document["transitions"] ?? "") ?? 0 > 1000)
        #expect(document["violations"] == "0")
        let table = try await Tool.lab.run(["explore", "--world", "two events of one"])
        #expect(table.output.contains("Everything that can happen was explored"))
    }

    @Test("Explore goes through a world of relays")
    func relays() async throws {
        let world = ["explore", "--world", "two relays, two versions, a lost commit"]
        let outcome = try await Tool.lab.run(world + ["--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let document = try outcome.document()
        #expect(document.count("worlds") == 1)
        #expect(Int(document["states"] ?? "") ?? 0 > 1000)
        #expect(document["violations"] == "0")
    }

    @Test("Replay takes a schedule of a world of relays, and ends with 1 when an oracle objects")
    func replaysRelays() async throws {
        let folder = try TemporaryDirectory()
        let good = try folder.write(relays(handsOutAnyRow: false), to: "good.json")
        let outcome = try await Tool.lab.run("replay", good)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let bad = try folder.write(relays(handsOutAnyRow: true), to: "bad.json")
        let found = try await Tool.lab.run(["replay", bad, "--json", "--trace"])
        #expect(found.status == 1)
        let document = try found.document()
        #expect(document["violations"] == "1")
        #expect(document["schedules"] == "1")
        #expect(document.keys("rareBranches")?.contains("lostClaim") == true)
        #expect(document["replay"] == bad)
        #expect(document.count("runs.0.violations") == 1)
        #expect(document.count("runs.0.timeline") == 8)
        let refused = try await Tool.lab.run(
            ["replay", try folder.write(#"{"engine":"model-checker"}"#, to: "empty.json")])
        #expect(refused.status == 2)
    }

    private func relays(handsOutAnyRow: Bool) throws -> String {
        let schedule = Schedule<RelayWorld>(
            setup: RelayScenario("two", [2], inFlight: 9, handsOutAnyRow: handsOutAnyRow),
            steps: [
                Step(.stage), Step(.stage), Step(.begin, 0), Step(.begin, 1), Step(.call, 0), Step(.call, 1),
                Step(.call, 1), Step(.call, 1),
            ], violation: nil)
        return String(decoding: try Recording(schedule).json, as: UTF8.self)
    }

    @Test("Explore ends with 1 when it misses the rare branches that it is asked for")
    func rare() async throws {
        let outcome = try await Tool.lab.run(["explore", "--seeds", "0..1", "--rare", "1000000", "--json"])
        #expect(outcome.status == 1)
        #expect(try outcome.document().count("missedBranches") ?? 0 > 10)
    }

    @Test("Replay takes a recording, and refuses one that makes no sense")
    func replay() async throws {
        let folder = try TemporaryDirectory()
        let good = try folder.write(recording(replicas: 1), to: "good.json")
        let outcome = try await Tool.lab.run("replay", good)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("replica A gets product/1@2"))
        #expect(outcome.output.contains("2 steps"))
        let bad = try folder.write(recording(replicas: 99), to: "bad.json")
        let refused = try await Tool.lab.run(["replay", bad])
        #expect(refused.status == 2)
        #expect(refused.errors.contains("at most 8 replicas"))
    }

    private func recording(replicas: Int) throws -> String {
        let schedule = Schedule<ConsumerWorld>(
            setup: ConsumerScenario("one", [.init(0, 2)], replicas: replicas, sweepers: 0),
            steps: [Step(.deliver), Step(.begin), Step(.crash)], violation: nil)
        return String(decoding: try Recording(schedule).json, as: UTF8.self)
    }
}
