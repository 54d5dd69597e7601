import ArgumentParser
import Foundation
import TertibTerminal
import TestServers
import Testing

@testable import TertibLab

@Suite("The arguments of the lab")
struct LabArgumentTests {
    @Test(
        "numbers that make no sense are refused",
        arguments: [
            ["chaos", "--minutes", "0"], ["chaos", "--minutes", "x"], ["chaos", "--replicas", "9"],
            ["chaos", "--events", "5"], ["chaos", "--seed", "-1"], ["replicas", "--replicas", "1,0"],
            ["replicas", "--replicas", "1,,2"], ["replicas", "--profiles", "none,worse"],
            ["replicas", "--events", "1"],
            ["replicas", "--page", "page.md"], ["lost-updates", "--workers", "3"],
            ["lost-updates", "--workers", "34"], ["lost-updates", "--orders", "0"], ["lost-updates", "--stock", "0"],
            ["simulate", "--every-call", "--twice"], ["explore", "--twice"], ["simulate", "--every-call", "--trace"],
            ["explore", "--trace"], ["replay", "a.json", "--rare", "1"],
            ["simulate", "--seeds", "0..10001", "--trace", "--json"],
        ])
    func refused(arguments: [String]) {
        #expect(throws: (any Error).self) { _ = try LabCommand.parseAsRoot(arguments) }
    }

    @Test("lists are sorted, and everything has a default")
    func accepted() throws {
        let replicas = try #require(
            try LabCommand.parseAsRoot(["replicas", "--replicas", "4,1,4", "--profiles", "kill,none"])
                as? ReplicasCommand)
        #expect(replicas.replicas?.numbers == [1, 4])
        #expect(replicas.profiles?.profiles == [.none, .kill])
        let chaos = try #require(try LabCommand.parseAsRoot(["chaos"]) as? ChaosCommand)
        #expect(chaos.minutes == 1)
        #expect(chaos.seed == nil)
    }

    @Test("a picture is named as its page sees it")
    func relative() {
        #expect(OutputFile.path(of: "/a/docs/images/x.svg", from: "/a/docs/page.md") == "images/x.svg")
        #expect(OutputFile.path(of: "/b/x.svg", from: "/a/docs/page.md") == "/b/x.svg")
    }

    @Test(
        "what is wrong with a value is said, and what it has to look like",
        arguments: [
            (["simulate", "--seeds", "5..5"], "A must be below B; B is left out, and one seed is 5..6"),
            (["simulate", "--seeds", "9..3"], "A must be below B"),
            (["simulate", "--seeds", "1...3"], "two dots"), (["simulate", "--seeds", "7"], "two dots"),
            (["simulate", "--seeds", "0..18446744073709551615"], "at most 1,000,000,000 run at once"),
            (
                ["simulate", "--seeds", "18446744073709551615..1"],
                "one seed is 18446744073709551614..18446744073709551615"
            ),
            (["replicas", "--profiles", "none,nope"], "no profile \"nope\"; the profiles are none, shuffle-16"),
            (["replicas", "--replicas", "0"], "from 1 to 16"),
        ])
    func reasons(arguments: [String], reason: String) throws {
        let error = #expect(throws: (any Error).self) { _ = try LabCommand.parseAsRoot(arguments) }
        let thrown = try #require(error)
        let failure = try #require(ArgumentFailure(thrown, of: LabCommand.self)?.failure)
        #expect(failure.status == .unusable)
        #expect(failure.what.contains(reason))
    }

    @Test(
        "A thousand seeds and more have to reach each rare branch, unless --rare says otherwise",
        arguments: [
            (["--seeds", "0..999"], 0), (["--seeds", "7..1007"], 1), (["--seeds", "0..2500"], 2),
            (["--seeds", "0..2500", "--rare", "0"], 0), (["--seeds", "0..5", "--rare", "9"], 9), (["--every-call"], 0),
        ])
    func rare(arguments: [String], least: Int) throws {
        let command = try #require(try LabCommand.parseAsRoot(["simulate"] + arguments) as? SimulateCommand)
        #expect(command.schedules.minimumOfEachBranch() == least)
    }

    @Test(
        "Some of the worlds need not reach every rare branch",
        arguments: [(["--seeds", "0..5000"], 5), (["--seeds", "0..5000", "--world", "two"], 0), ([], 0)])
    func rareBranchesOfWorlds(arguments: [String], least: Int) throws {
        let command = try #require(try LabCommand.parseAsRoot(["explore"] + arguments) as? ExploreCommand)
        #expect(command.minimumOfEachBranch == least)
    }

    @Test("a nats-server that is none is refused as unusable", arguments: ["chaos", "replicas", "crashes"])
    func broker(command: String) async throws {
        let outcome = try await Tool.lab.run(command, "--nats-server", "/nope")
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("/nope, which is no program"))
        #expect(outcome.errors.contains("next: Name the program"))
    }

    @Test(
        "a file that cannot be written is refused before anything is started",
        arguments: [
            ["chaos", "--report"], ["replicas", "--plot"], ["replicas", "--plot", "/dev/null", "--page"],
            ["lost-updates", "--page"],
        ])
    func output(arguments: [String]) async throws {
        let broker = arguments[0] == "lost-updates" ? [] : ["--nats-server", "/nope"]
        let outcome = try await Tool.lab.run(arguments + ["/proc/none/file"] + broker)
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("/proc/none/file cannot be written"))
    }

    @Test("looking whether a file can be written leaves nothing behind, and what is there as it is")
    func looking() throws {
        let folder = try TemporaryDirectory()
        try OutputFile.check("--page", folder.path + "/a/b/page.md")
        let there = try folder.write("text", to: "there.md")
        try OutputFile.check("--page", there)
        #expect(try String(contentsOfFile: there, encoding: .utf8) == "text")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["there.md"])
        #expect(throws: Failure.self) { try OutputFile.check("--page", folder.path) }
        #expect(throws: Failure.self) { try OutputFile.check("--page", there + "/page.md") }
    }
}
