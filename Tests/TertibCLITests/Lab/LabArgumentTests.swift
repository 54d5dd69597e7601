import ArgumentParser
import TertibLab
import Testing

@testable import TertibCLI

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
        ])
    func refused(arguments: [String]) {
        #expect(throws: (any Error).self) { _ = try RootCommand.parseAsRoot(["lab"] + arguments) }
    }

    @Test("lists are sorted, and everything has a default")
    func accepted() throws {
        let replicas = try #require(
            try RootCommand.parseAsRoot(["lab", "replicas", "--replicas", "4,1,4", "--profiles", "kill,none"])
                as? ReplicasCommand)
        #expect(replicas.replicas?.numbers == [1, 4])
        #expect(replicas.profiles?.profiles == [.none, .kill])
        let chaos = try #require(try RootCommand.parseAsRoot(["lab", "chaos"]) as? ChaosCommand)
        #expect(chaos.minutes == 1)
        #expect(chaos.seed == nil)
    }

    @Test("a picture is named as its page sees it")
    func relative() {
        #expect(OutputFile.path(of: "/a/docs/images/x.svg", from: "/a/docs/page.md") == "images/x.svg")
        #expect(OutputFile.path(of: "/b/x.svg", from: "/a/docs/page.md") == "/b/x.svg")
    }
}
