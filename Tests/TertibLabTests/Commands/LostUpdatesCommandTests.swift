import Foundation
import TestServers
import Testing

@testable import TertibLab

@Suite("tertib-lab lost-updates", .timeLimit(.minutes(2)))
struct LostUpdatesCommandTests {
    /// One line of the list.
    private struct Line: Decodable {
        let store, anomaly, policy, onConflict: String
        let attempts, conflicts, retries, lostUpdates: Int
        let negativeStock, correct: Bool
        let seconds: Double
    }

    private static let policies = ["none", "version", "all-columns", "for-update", "nowait", "serializable"]

    @Test("without a store runs on a file and a server of its own, and leaves nothing of them")
    func both() async throws {
        let folder = try TemporaryDirectory()
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
        let outcome = try await Tool.lab.run(
            "lost-updates", "--orders", "6", "--stock", "8", "--workers", "4", "--json",
            environment: ["TMPDIR": folder.path])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = try JSONDecoder().decode([Line].self, from: Data(outcome.output.utf8))
        #expect(lines.count == 2 * 2 * 12)
        for store in ["sqlite", "postgresql"] {
            for policy in Self.policies {
                for (anomaly, reaction) in [
                    ("stateful", "throw"), ("stateful", "retry"), ("stateless", "throw"), ("stateless", "retry"),
                ] {
                    let found = lines.filter {
                        $0.store == store && $0.policy == policy && $0.anomaly == anomaly && $0.onConflict == reaction
                    }
                    let line = try #require(found.first)
                    #expect(found.count == 1)
                    #expect(line.correct == (policy != "none"), "\(line)")
                    #expect((line.lostUpdates > 0) == (policy == "none"), "\(line)")
                    #expect(line.negativeStock == (policy == "none" && anomaly == "stateless"), "\(line)")
                    #expect(line.attempts > 0 && line.seconds > 0, "\(line)")
                }
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test("has exactly the keys that are promised, in their order")
    func keys() async throws {
        let folder = try TemporaryDirectory()
        let outcome = try await Tool.lab.run(
            "lost-updates", "--store", "sqlite:\(folder.path)/a.sqlite", "--orders", "1", "--stock", "1",
            "--workers", "2", "--json")
        let first = try #require(outcome.output.split(separator: "}").first)
        let names = first.matches(of: /"([a-zA-Z]+)":/).map { String($0.1) }
        #expect(
            names == [
                "store", "anomaly", "policy", "onConflict", "attempts", "conflicts", "retries", "lostUpdates",
                "negativeStock", "correct", "seconds",
            ])
    }

    @Test("shows people a table, and writes the page")
    func table() async throws {
        let folder = try TemporaryDirectory()
        let outcome = try await Tool.lab.run(
            "lost-updates", "--store", "sqlite:\(folder.path)/a.sqlite", "--orders", "2", "--stock", "4",
            "--workers", "2", "--page", "\(folder.path)/page.md")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("LOST UPDATES"))
        for policy in Self.policies { #expect(outcome.output.contains(policy)) }
        let page = try String(contentsOfFile: "\(folder.path)/page.md", encoding: .utf8)
        #expect(page.contains("| stateless | serializable | retry |"))
    }

    @Test("a database that cannot be used is told in three lines, with the status 2")
    func unusable() async throws {
        let folder = try TemporaryDirectory()
        let text = try folder.write("this is no database, and it is long enough to be looked at", to: "text.sqlite")
        let nobody = "postgresql://lab@127.0.0.1:1/lab"
        for store in ["oracle:x", "sqlite:/proc/lab.sqlite", "sqlite:\(text)", nobody, "postgresql://a:b@h/d"] {
            let outcome = try await Tool.lab.run("lost-updates", "--store", store)
            #expect(outcome.status == 2, "\(store): \(outcome.errors)")
            #expect(outcome.output == "", "\(store)")
            let lines = outcome.errors.split(separator: "\n").filter { !$0.contains(" of 24  ") }
            #expect(lines.count == 3, "\(store): \(outcome.errors)")
            #expect(lines.map { String($0.prefix(6)) } == ["error:", "  why:", " next:"], "\(outcome.errors)")
        }
    }
}
