import TestServers
import Testing

@Suite("tertib-lab explore, and replay of its files")
struct ExplorerCommandTests {
    @Test("walks seeds, and says in one document what came of it, under the names of the other engine")
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

    @Test("prints the same trace of a seed, byte for byte, from another process")
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

    @Test("explores a small world to its end, and counts")
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

    @Test("explores a world of relays")
    func relays() async throws {
        let world = ["explore", "--world", "two relays, two versions, a lost commit"]
        let outcome = try await Tool.lab.run(world + ["--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let document = try outcome.document()
        #expect(document.count("worlds") == 1)
        #expect(Int(document["states"] ?? "") ?? 0 > 1000)
        #expect(document["violations"] == "0")
    }

    @Test("replays a way through a world of relays, and ends with 1 when an oracle objects")
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
            ["replay", try folder.write(#"{"engine":"relays"}"#, to: "empty.json")])
        #expect(refused.status == 2)
    }

    private func relays(handsOutAnyRow: Bool) -> String {
        let steps = ["stage 0", "stage 0", "begin 0", "begin 1", "call 0", "call 1", "call 1", "call 1"]
        return #"{"engine":"relays","steps":\#(steps),"world":{"name":"two","versions":[2],"relays":2,"inFlight":9,"#
            + #""crashes":0,"lostAnswers":0,"outages":0,"unknownCommits":0,"forgottenIDs":0,"isFenced":true,"#
            + #""handsOutAnyRow":\#(handsOutAnyRow)}}"#
    }

    @Test("misses the rare branches that it is asked for, and ends with 1")
    func rare() async throws {
        let outcome = try await Tool.lab.run(["explore", "--seeds", "0..1", "--rare", "1000000", "--json"])
        #expect(outcome.status == 1)
        #expect(try outcome.document().count("missedBranches") ?? 0 > 10)
    }

    @Test("replays a recording, and refuses one that makes no sense")
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

    private func recording(replicas: Int) -> String {
        let message = #"{"aggregate":0,"behaviour":"applies","branch":0,"version":2}"#
        let allowance =
            #"{"conflicts":0,"crashes":0,"duplicates":0,"failures":0,"lostAcknowledgements":0,"returns":0,"sweeps":0,"#
            + #""unknownCommits":0}"#
        return #"{"engine":"explorer","steps":["deliver 0 0","begin 0 0","crash 0 0"],"world":{"name":"one","#
            + #""messages":[\#(message)],"replicas":\#(replicas),"sweepers":0,"isolation":"readCommitted","holds":true,"#
            + #""drainLimit":9,"parkedLimit":9,"maxAttempts":2,"allowance":\#(allowance)}}"#
    }
}
