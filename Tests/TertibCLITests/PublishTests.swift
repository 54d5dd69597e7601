import Testing
import TestServers

/// `tertib publish` against a real broker.
struct PublishTests {
    @Test("an event is appended, and the receipt says where")
    func receipt() async throws {
        let bench = try await Bench.start()
        let first = try await bench.publish("product/42")
        #expect(first.status == 0)
        let receipt = try first.document()
        #expect(
            receipt.keys() == ["aggregate", "version", "eventId", "stream", "sequence", "duplicate", "token"])
        #expect(receipt["aggregate"] == "product/42")
        #expect(receipt["version"] == "1")
        #expect(receipt["stream"] == "SHOP")
        #expect(receipt["sequence"] == "1")
        #expect(receipt["duplicate"] == "false")
        #expect(receipt["token"] == "product/42@1")
        #expect(try await bench.publish("product/42").document()["version"] == "2")
        let spoken = try await bench.run(
            "publish", "--aggregate", "product/42", "--type", "product.priced", "--data", "-", input: "-7")
        #expect(spoken.output.hasPrefix("Published version 3 of product/42"))
        #expect(spoken.output.hasSuffix("Token: product/42@3\n"))
    }

    @Test("a repetition with the same event id and expectation is recognised")
    func repetition() async throws {
        let bench = try await Bench.start()
        let arguments = [
            "publish", "--config", bench.configuration, "--json", "--aggregate", "product/1", "--type", "a", "--data",
            "{}", "--expected-version", "0", "--event-id", "mine",
        ]
        #expect(try await Tool.tertib.run(arguments).document()["duplicate"] == "false")
        let second = try await Tool.tertib.run(arguments)
        #expect(second.status == 0)
        #expect(try second.document()["duplicate"] == "true")
    }

    @Test("of eight processes at one expected version one wins, and the others are told why")
    func race() async throws {
        let bench = try await Bench.start()
        let aggregate = "product/a b/ü*.>"
        for round in 0..<4 {
            let outcomes = try await withThrowingTaskGroup(of: Tool.Outcome.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        try await bench.publish(aggregate, data: #"{"writer":\#(writer)}"#, expecting: round)
                    }
                }
                return try await group.reduce(into: [Tool.Outcome]()) { $0.append($1) }
            }
            let winners = outcomes.filter { $0.status == 0 }
            #expect(winners.count == 1)
            #expect(try winners.first?.document()["version"] == "\(round + 1)")
            #expect(try winners.first?.document()["token"] == "product/a%20b%2F%C3%BC%2A%2E%3E@\(round + 1)")
            for loser in outcomes where loser.status != 0 {
                let told = try loser.document()
                #expect(loser.status == 1)
                #expect(told["error"] == "version-conflict")
                #expect(told["aggregate"] == aggregate)
                #expect(told["expected"] == "\(round)")
                #expect(told["actual"] == "\(round + 1)")
            }
        }
    }

    @Test("without an expectation a lost race is run again, however busy the aggregate is")
    func raceWithoutExpectation() async throws {
        let bench = try await Bench.start()
        let line = #"{"aggregate":"product/1","type":"product.priced","data":1}"#
        let lines = Array(repeating: line, count: 1500).joined(separator: "\n")
        async let many = bench.run("publish", "--file", "-", "--json", input: lines)
        let statuses = try await withThrowingTaskGroup(of: Int32.self) { group in
            for _ in 0..<8 { group.addTask { try await bench.publish("product/1").status } }
            return try await group.reduce(into: [Int32]()) { $0.append($1) }
        }
        #expect(statuses == Array(repeating: 0, count: 8))
        #expect(try await many.document()["published"] == "1500")
        let document = try await bench.run("explain", "product/1", "--json").document()
        #expect(document["stream.lastVersion"] == "1508")
    }

    @Test("what this service does not append is refused with 2, unless forced")
    func notOwned() async throws {
        let bench = try await Bench.start(publishes: #"{"order":"outbox"}"#)
        for aggregate in ["product/1", "order/1"] {
            let refused = try await bench.publish(aggregate)
            #expect(refused.status == 2)
        }
        let forced = try await bench.run(
            "publish", "--aggregate", "product/1", "--type", "a", "--data", "1", "--force", "--json")
        #expect(forced.status == 0)
    }

    @Test(
        "unusable events are refused with 2",
        arguments: [
            ("product", "a", "{}"), ("Product/1", "a", "{}"), ("product/", "a", "{}"), ("product/1", "", "{}"),
            ("product/1", "a", "{"), ("product/1", "a", ""), ("product/1", "a\nb", "{}"),
            ("product/1", "a", String(repeating: "[", count: 65) + String(repeating: "]", count: 65)),
        ])
    func unusable(aggregate: String, type: String, data: String) async throws {
        let bench = try await Bench.start()
        let outcome = try await bench.run("publish", "--aggregate", aggregate, "--type", type, "--data", data)
        #expect(outcome.status == 2)
    }

    @Test("a broker that is away ends it with 1")
    func brokerAway() async throws {
        let bench = try await Bench.start()
        bench.server.stop()
        let outcome = try await bench.publish("product/1")
        #expect(outcome.status == 1)
        #expect(try outcome.document()["error"] == "unavailable")
    }
}
