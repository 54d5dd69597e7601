import Foundation
import TertibRuntime
import Testing
import TestServers

/// `tertib replicate` as a process.
struct ReplicateTests {
    @Test("two replicas on one file keep the newest event of every aggregate, and end with 0")
    func twoReplicas() async throws {
        let bench = try await Bench.start()
        let replicas = [try bench.replicate(), try bench.replicate("--stats-interval", "1s", "--json")]
        for version in 1...5 {
            for id in ["1", "a b/ü*.>"] {
                #expect(try await bench.publish("product/\(id)", data: "\(version)").status == 0)
            }
        }
        #expect(try await bench.wait(for: "product/1@5").status == 0)
        #expect(try await bench.wait(for: "product/a%20b%2F%C3%BC%2A%2E%3E@5").status == 0)
        for replica in replicas { replica.terminate() }
        for replica in replicas { #expect(try await replica.end().status == 0) }

        let rows = try await bench.rows("SELECT * FROM tertib_replica ORDER BY aggregate_id")
        #expect(rows.map { $0["aggregate_id"].text } == ["1", "a b/ü*.>"])
        #expect(rows.map { $0["version"].integer } == [5, 5])
        #expect(rows.map { $0["data"].text } == ["5", "5"])
        #expect(rows.map { $0["event_type"].text } == ["product.priced", "product.priced"])

        let lines = try replicas[1].output.split(separator: "\n").map { try Document(String($0)) }
        #expect(!lines.isEmpty)
        #expect(lines.allSatisfy { $0["consumer"] == "replica" && $0["applied"] != nil })
        #expect(replicas[1].errors.contains("the consumer is running"))
        #expect(replicas[1].errors.contains("the consumer has stopped"))
    }

    @Test("a broker that is away is waited for, which is said once")
    func brokerAway() async throws {
        let bench = try await Bench.start()
        bench.server.stop()
        let replica = try bench.replicate()
        try await waitUntil("the replica to say that it waits") { replica.errors.contains("waits for it") }
        try await bench.server.restart()
        #expect(try await bench.publish("product/1").status == 0)
        #expect(try await bench.wait(for: "product/1@1").status == 0)
        replica.terminate()
        let outcome = try await replica.end()
        #expect(outcome.status == 0)
        #expect(outcome.errors.components(separatedBy: "waits for it").count == 2)
    }

    @Test("SIGTERM ends it with 0 while it waits for a broker")
    func terminatedWhileWaiting() async throws {
        let bench = try await Bench.start()
        bench.server.stop()
        let replica = try bench.replicate()
        try await waitUntil("the replica to say that it waits") { replica.errors.contains("waits for it") }
        replica.terminate()
        #expect(try await replica.end().status == 0)
    }

    @Test("another database may not share its JetStream consumer, but take it over")
    func anotherDatabase() async throws {
        let bench = try await Bench.start()
        let replica = try bench.replicate()
        try await waitUntil("the replica to run") { replica.errors.contains("is running") }
        replica.terminate()
        #expect(try await replica.end().status == 0)

        let twin = try bench.other("trial")
        let refused = try await Tool.tertib.run("replicate", "--config", twin.configuration)
        #expect(refused.status == 2)
        #expect(refused.errors.contains("--take-over"))
        let taken = try twin.replicate("--take-over")
        try await waitUntil("the replica to run") { taken.errors.contains("is running") }
        taken.terminate()
        #expect(try await taken.end().status == 0)
    }

    @Test("of several consumers one has to be named")
    func severalConsumers() async throws {
        let bench = try await Bench.start(more: #""consumers": { "one": {}, "two": {} },"#)
        let unclear = try await bench.run("replicate")
        #expect(unclear.status == 2)
        #expect(unclear.errors.contains("--consumer"))
        let unknown = try await bench.run("replicate", "--consumer", "three")
        #expect(unknown.status == 2)
        #expect(unknown.errors.contains("one, two"))
        let replica = try bench.replicate("--consumer", "two")
        try await waitUntil("the replica to run") { replica.errors.contains("is running") }
        replica.terminate()
        #expect(try await replica.end().status == 0)
    }

    @Test("neither payloads nor secrets are logged, not even when everything is")
    func secrets() async throws {
        let bench = try await Bench.start()
        let replica = try bench.replicate("--log-level", "trace")
        #expect(try await bench.publish("product/1", data: #"{"secret":"hush-hush"}"#).status == 0)
        #expect(try await bench.wait(for: "product/1@1").status == 0)
        replica.terminate()
        let outcome = try await replica.end()
        #expect(outcome.errors.contains("is running"))
        #expect(!(outcome.errors + outcome.output).contains("hush-hush"))
    }
}
