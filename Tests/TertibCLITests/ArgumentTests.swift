import Foundation
import Testing
import TestServers

/// What the process says about its arguments, and how it ends.
struct ArgumentTests {
    @Test(
        "help teaches by example and ends with 0",
        arguments: [
            ["--help"], ["publish", "--help"], ["replicate", "--help"], ["status", "--help"], ["explain", "--help"],
            ["audit", "--help"], ["parked", "--help"], ["dead-letters", "list", "--help"], ["doctor", "--help"],
            ["wait", "--help"], ["migrate", "--help"], ["describe", "--help"], ["completions", "--help"],
        ])
    func help(arguments: [String]) async throws {
        let outcome = try await Tool.tertib.run(arguments, environment: ["COLUMNS": "80"])
        #expect(outcome.status == 0)
        #expect(outcome.errors.isEmpty)
        #expect(outcome.output.contains("  tertib \(arguments[0] == "--help" ? "replicate" : arguments[0])"))
        let examples = outcome.output.split(separator: "\n").prefix { !$0.hasPrefix("USAGE") }
        #expect(examples.allSatisfy { $0.count <= 80 }, "an example does not fit 80 columns")
    }

    @Test("--version says the version")
    func version() async throws {
        let outcome = try await Tool.tertib.run("--version")
        #expect(outcome.status == 0)
        #expect(outcome.output.wholeMatch(of: /tertib \d+\.\d+\.\d+\n/) != nil)
    }

    @Test(
        "mistakes in the arguments end with 2 and three lines",
        arguments: [
            ["--nonsense"], ["publsh"], ["status", "--nonsense"], ["publish"], ["publish", "--aggregate"],
            ["publish", "--file", "a", "--type", "b"], ["explain"], ["explain", "a/1", "b/2"], ["wait"],
            ["wait", "product/1@1", "--timeout", "never"], ["parked", "--limit", "0"], ["completions", "tcsh"],
            ["status"], ["status", "--log-level", "loud"], ["dead-letters", "show"],
        ])
    func mistakes(arguments: [String]) async throws {
        let outcome = try await Tool.tertib.run(arguments)
        #expect(outcome.status == 2)
        #expect(outcome.output.isEmpty)
        let labels = outcome.errors.split(separator: "\n").map { $0.prefix(6) }
        #expect(labels.first == "error:")
        #expect(labels.contains("  why:"))
        #expect(labels.last == " next:")
    }

    @Test("a misspelled verb is told the right one")
    func misspelled() async throws {
        let outcome = try await Tool.tertib.run("publsh", "--config", "x.json")
        #expect(outcome.errors.contains("did you mean publish?"))
    }

    @Test("with --json a mistake is a document too")
    func mistakeAsDocument() async throws {
        let outcome = try await Tool.tertib.run("status", "--nonsense", "--json")
        #expect(outcome.status == 2)
        #expect(try outcome.document()["error"] == "arguments")
    }

    @Test("a configuration that cannot be used ends with 2 and names its place")
    func badConfiguration() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("{\n  \"servce\": \"a\" }", to: "bad.json")
        for verb in [["status"], ["replicate"], ["audit"], ["doctor"], ["describe"], ["migrate"]] {
            let outcome = try await Tool.tertib.run(verb + ["--config", file, "--json"])
            #expect(outcome.status == 2)
            #expect(try outcome.document()["error"] == "configuration")
            #expect(outcome.errors.contains("bad.json:2:3"))
        }
        let missing = try await Tool.tertib.run("status", "--config", "\(directory.path)/none.json")
        #expect(missing.status == 2)
    }

    @Test("the configuration may be named by TERTIB_CONFIG")
    func environment() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            """
            { "service": "a", "nats": { "servers": ["nats://127.0.0.1:1"] },
              "stream": { "name": "SHOP", "namespace": "shop" }, "store": { "kind": "sqlite", "path": "a.sqlite" } }
            """, to: "a.json")
        let outcome = try await Tool.tertib.run("describe", "--json", environment: ["TERTIB_CONFIG": file])
        #expect(outcome.status == 0)
        #expect(try outcome.document()["0.path"] == "$.service")
        #expect(!FileManager.default.fileExists(atPath: "\(directory.path)/a.sqlite"))
    }

    @Test("text that is not UTF-8 is refused and not repaired")
    func notUTF8() async throws {
        let outcome = try await Tool.tertib.run("explain", "product/\u{FFFD}", "--config", "a.json")
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("UTF-8"))
    }

    @Test("what is not built yet is refused as such")
    func notYet() async throws {
        let outcome = try await Tool.tertib.run("audit", "--repair", "--config", "a.json", "--json")
        #expect(outcome.status == 2)
        #expect(try outcome.document()["error"] == "not-yet")
    }

    @Test(
        "completions are scripts", arguments: [("bash", "complete"), ("zsh", "#compdef tertib"), ("fish", "complete")])
    func completions(shell: String, mark: String) async throws {
        let outcome = try await Tool.tertib.run("completions", shell)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains(mark))
        #expect(outcome.output.contains("dead-letters"))
    }
}
