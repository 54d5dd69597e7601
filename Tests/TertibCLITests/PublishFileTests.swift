import TertibRuntime
import Testing
import TestServers

/// `tertib publish --file` against a real broker.
struct PublishFileTests {
    private func line(_ aggregate: String, _ number: Int, expecting version: Int? = nil) -> String {
        let expectation = version.map { #","expectedVersion":\#($0)"# } ?? ""
        return #"{"aggregate":"\#(aggregate)","type":"product.priced","data":{"number":\#(number)}\#(expectation)}"#
    }

    @Test("every line is published, those of one aggregate in their order")
    func order() async throws {
        let bench = try await Bench.start()
        let lines = (0..<600).map { line("product/\($0 % 40)", $0) } + ["", "  "]
        let outcome = try await bench.run("publish", "--file", "-", "--json", input: lines.joined(separator: "\n"))
        #expect(outcome.status == 0)
        let document = try outcome.document()
        #expect(document["published"] == "600")
        #expect(document["aggregates"] == "40")
        #expect(document.count("failed") == 0)

        let replica = try bench.replicate()
        for id in 0..<40 { #expect(try await bench.wait(for: "product/\(id)@15").status == 0) }
        replica.terminate()
        #expect(try await replica.end().status == 0)
        let rows = try await bench.rows("SELECT aggregate_id AS id, data FROM tertib_replica")
        #expect(rows.count == 40)
        for row in rows {
            let id = row["id"].text.flatMap { Int($0) } ?? -1
            #expect(row["data"].text == #"{"number":\#(560 + id)}"#)
        }
    }

    @Test("a bad line is named before anything is sent")
    func badLine() async throws {
        let bench = try await Bench.start()
        let lines = [line("product/1", 1), #"{"aggregate":"product/1","typ":"a","data":1}"#, line("product/2", 1), "{"]
        let file = try bench.directory.write(lines.joined(separator: "\n"), to: "events.jsonl")
        let outcome = try await bench.run("publish", "--file", file, "--json")
        #expect(outcome.status == 2)
        let document = try outcome.document()
        #expect(document["error"] == "bad-lines")
        #expect(document["lines.0.line"] == "2")
        #expect(document["lines.1.line"] == "4")
        #expect(outcome.errors.contains("line 2: it has the unknown key \"typ\"; did you mean \"type\"?"))
        #expect(try await bench.run("status", "--json").document()["stream.messages"] == "0")
    }

    @Test("a line of a type that this service does not append is named before anything is sent")
    func foreignType() async throws {
        let bench = try await Bench.start()
        let text = [line("product/1", 1), line("order/1", 1)].joined(separator: "\n")
        let outcome = try await bench.run("publish", "--file", "-", input: text)
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains(":2 cannot be published"))
        #expect(try await bench.run("status", "--json").document()["stream.messages"] == "0")
    }

    @Test("expectations hold line by line; behind a lost one its aggregate stops, and the others go on")
    func expectations() async throws {
        let bench = try await Bench.start()
        let lines = [
            line("product/1", 1, expecting: 0), line("product/1", 2, expecting: 1), line("product/1", 3),
            line("product/1", 4, expecting: 7), line("product/1", 5), line("product/2", 1), line("product/2", 2),
        ]
        let outcome = try await bench.run("publish", "--file", "-", "--json", input: lines.joined(separator: "\n"))
        #expect(outcome.status == 1)
        let document = try outcome.document()
        #expect(document["published"] == "5")
        #expect(document["skipped"] == "1")
        #expect(document.count("failed") == 1)
        #expect(document["failed.0.line"] == "4")
        #expect(document["failed.0.error"] == "version-conflict")
        #expect(document["failed.0.aggregate"] == "product/1")
        #expect(document["failed.0.expected"] == "7")
        #expect(document["failed.0.actual"] == "3")
    }

    @Test("two processes that publish the same aggregates at once lose nothing")
    func race() async throws {
        let bench = try await Bench.start()
        let text = (0..<120).map { line("product/\($0 % 4)", $0) }.joined(separator: "\n")
        async let one = bench.run("publish", "--file", "-", input: text)
        async let other = bench.run("publish", "--file", "-", input: text)
        #expect(try await one.status == 0)
        #expect(try await other.status == 0)
        for id in 0..<4 {
            let document = try await bench.run("explain", "product/\(id)", "--json").document()
            #expect(document["stream.lastVersion"] == "60")
        }
    }
}
