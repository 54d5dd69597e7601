import Testing
import TestServers

/// The verbs that look, against a real broker and a real database.
struct InspectionVerbTests {
    /// A service that has applied three versions of `product/1` and two of `product/2`, and whose replica has stopped.
    private func settled() async throws -> Bench {
        let bench = try await Bench.start()
        let replica = try bench.replicate()
        for aggregate in ["product/1", "product/1", "product/1", "product/2", "product/2"] {
            #expect(try await bench.publish(aggregate).status == 0)
        }
        for token in ["product/1@3", "product/2@2"] {
            let waited = try await bench.wait(for: token)
            #expect(waited.status == 0, "\(waited.errors) \(replica.errors)")
        }
        replica.terminate()
        let ended = try await replica.end()
        #expect(ended.status == 0, "\(ended.errors)")
        return bench
    }

    @Test("status has the documented keys, and zeros at rest")
    func status() async throws {
        let bench = try await settled()
        let outcome = try await bench.run("status", "--json")
        #expect(outcome.status == 0)
        let document = try outcome.document()
        #expect(document.keys("stream")?.isSuperset(of: ["name", "messages", "lastSequence"]) == true)
        #expect(document["stream.messages"] == "5")
        #expect(
            document.keys("consumers.0") == [
                "name", "lag", "acknowledgementPending", "aggregates", "parked", "oldestParkedSeconds", "stuck",
                "behind", "deadLetters", "quarantined",
            ])
        #expect(document["consumers.0.name"] == "replica")
        #expect(document["consumers.0.aggregates"] == "2")
        for key in ["lag", "acknowledgementPending", "parked", "stuck", "behind", "deadLetters", "quarantined"] {
            #expect(document["consumers.0.\(key)"] == "0")
        }
        #expect(document["outbox.rows"] == "0")
        #expect(document["outbox.oldestSeconds"] == "null")
        _ = try await bench.publish("product/3")
        #expect(try await bench.run("status", "--json").document()["consumers.0.lag"] == "1")
    }

    @Test("explain tells one aggregate's story")
    func explain() async throws {
        let bench = try await settled()
        let outcome = try await bench.run("explain", "product/1", "--json")
        let document = try outcome.document()
        #expect(document["aggregate"] == "product/1")
        #expect(document["stream.lastVersion"] == "3")
        #expect(document["stream.lastSequence"] == "3")
        #expect(document["consumers.0.version"] == "3")
        #expect(document["consumers.0.streamSequence"] == "3")
        #expect(document["consumers.0.status"] == "ok")
        #expect(document.count("consumers.0.parked") == 0)
        #expect(document.count("outbox") == 0)
        #expect(document["story.1"]?.hasSuffix("it is up to date.") == true)
        let unknown = try await bench.run("explain", "product/nothing", "--json").document()
        #expect(unknown["stream.lastVersion"] == "0")
        #expect(unknown["story.0"] == "The stream has no event of product/nothing.")
    }

    @Test("audit is ok at rest, and ends with 1 when rows were changed")
    func audit() async throws {
        let bench = try await settled()
        let fine = try await bench.run("audit", "--json")
        #expect(fine.status == 0)
        let document = try fine.document()
        #expect(document["ok"] == "true")
        #expect(document["aggregates"] == "2")
        #expect(document["lagging"] == "0")
        for finding in ["behind", "gapped", "ahead", "forked", "missing"] { #expect(document.count(finding) == 0) }

        try await bench.change("UPDATE tertib_watermark SET version = 1 WHERE aggregate_id = '1'")
        try await bench.change("DELETE FROM tertib_watermark WHERE aggregate_id = '2'")
        let wrong = try await bench.run("audit", "--json")
        #expect(wrong.status == 1)
        let found = try wrong.document()
        #expect(found["ok"] == "false")
        #expect(found["behind.0.aggregate"] == "product/1")
        #expect(found["behind.0.consumer"] == "replica")
        #expect(found["behind.0.version"] == "1")
        #expect(found["behind.0.streamVersion"] == "3")
        #expect(found["missing.0.aggregate"] == "product/2")
        let spoken = try await bench.run("audit", environment: ["COLUMNS": "60"])
        #expect(spoken.status == 1)
        #expect(spoken.output.split(separator: "\n").allSatisfy { $0.count <= 70 })
    }

    @Test("several services are audited together")
    func auditOfSeveral() async throws {
        let bench = try await settled()
        let other = try bench.other("payments")
        let outcome = try await Tool.tertib.run(
            "audit", "--config", bench.configuration, "--config", other.configuration, "--json")
        #expect(outcome.status == 0)
        #expect(try outcome.document()["aggregates"] == "2")
    }

    @Test("a version that was never published shows in parked, explain and audit")
    func gap() async throws {
        let bench = try await Bench.start()
        let replica = try bench.replicate()
        #expect(try await bench.publish("product/1").status == 0)
        #expect(try await bench.wait(for: "product/1@1").status == 0)
        let raw = try RawNatsClient(port: bench.server.port)
        let headers = ["ce-specversion: 1.0", "ce-id: far", "ce-source: /raw", "ce-type: x", "ce-aggregateversion: 3"]
        try raw.publish(
            "shop.product.1", headers: "NATS/1.0\r\n" + headers.map { "\($0)\r\n" }.joined() + "\r\n", body: "{}")
        try raw.flush()
        try await waitUntil("the event to be parked") {
            try await bench.run("parked", "--json").document().count() == 1
        }
        let parked = try await bench.run("parked", "--json", "--aggregate", "product/1").document()
        #expect(parked["0.consumer"] == "replica")
        #expect(parked["0.version"] == "3")
        #expect(parked["0.reason"] == "gap")
        let explained = try await bench.run("explain", "product/1", "--json").document()
        #expect(explained["consumers.0.status"] == "gap")
        #expect(explained["consumers.0.parked.0.version"] == "3")
        #expect(explained["story.2"]?.contains("version 2 is missing") == true)
        try await waitUntil("the delivery to be acknowledged") {
            try await bench.run("audit", "--json").document().count("gapped") == 1
        }
        let spoken = try await bench.run("parked")
        #expect(spoken.output.contains("product/1"))
        #expect(try await bench.run("parked", "--aggregate", "product/2").output == "Nothing is parked.\n")
        replica.terminate()
        #expect(try await replica.end().status == 0)
    }

    @Test("a malformed message shows in the dead letters, harmlessly")
    func deadLetter() async throws {
        let bench = try await Bench.start()
        let replica = try bench.replicate()
        try await waitUntil("the replica to run") { replica.errors.contains("is running") }
        let raw = try RawNatsClient(port: bench.server.port)
        try raw.publish(Array("shop.product.1".utf8), headers: [], body: Array("{\u{1B}[31m".utf8))
        try raw.flush()
        try await waitUntil("the dead letter") {
            try await bench.run("dead-letters", "list", "--json").document().count() == 1
        }
        let letters = try await bench.run("dead-letters", "list", "--json").document()
        #expect(
            letters.keys("0")?.isSuperset(of: [
                "id", "consumer", "aggregate", "version", "reason", "error", "attempts", "firstFailedAt",
            ]) == true)
        #expect(letters["0.reason"] == "malformed")
        #expect(letters["0.aggregate"] == "product/1")
        let spoken = try await bench.run("dead-letters")
        #expect(spoken.status == 0)
        #expect(spoken.output.contains("malformed"))
        #expect(!spoken.output.contains("\u{1B}"))
        replica.terminate()
        #expect(try await replica.end().status == 0)
    }

    @Test("wait gives up after its limit with 1")
    func waitInVain() async throws {
        let bench = try await settled()
        let outcome = try await bench.run("wait", "product/1@4", "--timeout", "50ms", "--json")
        #expect(outcome.status == 1)
        #expect(try outcome.document()["error"] == "timed-out")
        #expect(try await bench.run("wait", "product/1").status == 2)
    }

    @Test("migrate creates the tables, again and again")
    func migrate() async throws {
        let bench = try await Bench.start()
        for _ in 0..<2 { #expect(try await bench.run("migrate").status == 0) }
        #expect(try await bench.rows("SELECT * FROM tertib_watermark").isEmpty)
    }

    @Test(
        "a broker that is away ends every look with 1",
        arguments: [
            ["status"], ["explain", "product/1"], ["audit"],
        ])
    func brokerAway(verb: [String]) async throws {
        let bench = try await Bench.start()
        bench.server.stop()
        let outcome = try await Tool.tertib.run(verb + ["--config", bench.configuration, "--json"])
        #expect(outcome.status == 1)
        #expect(try outcome.document()["error"] == "unavailable")
    }

    @Test("doctor finds nothing that fails in a fresh service, and what fails without a broker")
    func doctor() async throws {
        let bench = try await settled()
        let fine = try await bench.run("doctor", "--json")
        #expect(fine.status == 0)
        #expect(try fine.document()["ok"] == "true")
        #expect(fine.output.contains("stream-durability"))
        try await bench.change("UPDATE tertib_consumer SET stream_created_at = '2001-01-01T00:00:00.000000Z'")
        let recreated = try await bench.run("doctor", "--json")
        #expect(recreated.status == 1)
        #expect(recreated.output.contains("store-stream"))
        bench.server.stop()
        let away = try await bench.run("doctor", "--json")
        #expect(away.status == 1)
        #expect(try away.document()["findings.0.level"] == "fail")
        #expect(try away.document()["findings.0.check"] == "broker-connection")
    }
}
