import TertibRuntime
import TertibCore
import Testing

@testable import TertibCLI

/// Lines of a file to publish.
struct EventLineTests {
    private func read(_ text: String) throws(LineProblem) -> EventLine {
        try EventLineReader.read(Array(text.utf8), number: 7)
    }

    @Test("a line is an aggregate, a type and data, kept byte for byte")
    func plain() throws {
        let line = try read(
            #" {"data": {"b" : [1, 2.50e1 ], "a":"\u00e9"} , "type":"product.priced","aggregate":"product/a/b ü"} "#)
        #expect(line.number == 7)
        #expect(line.aggregate == (try Aggregate(parsing: "product/a/b ü")))
        #expect(line.event.type.text == "product.priced")
        #expect(String(decoding: line.event.body, as: UTF8.self) == #"{"b" : [1, 2.50e1 ], "a":"\u00e9"}"#)
        #expect(line.expectedVersion == nil)
    }

    @Test("data is any JSON value", arguments: ["1", "-0.5", "null", "true", "\"x\"", "[]", "{}", "[[{}]]"])
    func data(json: String) throws {
        let line = try read(#"{"aggregate":"product/1","type":"a","data":\#(json)}"#)
        #expect(String(decoding: line.event.body, as: UTF8.self) == json)
    }

    @Test(
        "an expected version is a whole number",
        arguments: [("0", 0), ("7", 7), ("9007199254740991", 9_007_199_254_740_991)])
    func expectedVersion(text: String, number: Int64) throws {
        let line = try read(#"{"aggregate":"product/1","type":"a","data":1,"expectedVersion":\#(text)}"#)
        #expect(line.expectedVersion?.number == number)
    }

    @Test(
        "everything else is refused, and says why",
        arguments: [
            ("", "it is empty"),
            ("[]", "it is not a JSON object"),
            ("1", "it is not a JSON object"),
            (#"{"type":"a","data":1}"#, "it lacks \"aggregate\""),
            (#"{"aggregate":"product/1","data":1}"#, "it lacks \"type\""),
            (#"{"aggregate":"product/1","type":"a"}"#, "it lacks \"data\""),
            (#"{"aggregate":1,"type":"a","data":1}"#, "\"aggregate\" is not a string"),
            (#"{"aggregate":"product/1","type":["a"],"data":1}"#, "\"type\" is not a string"),
            (#"{"aggregate":"product","type":"a","data":1}"#, "is not of the form TYPE/ID"),
            (#"{"aggregate":"product/1","type":"","data":1}"#, "event type is empty"),
            (#"{"aggregate":"product/1","type":"a","data":1,"data":2}"#, "it has the key \"data\" twice"),
            (#"{"aggregate":"product/1","type":"a","data":1,"version":2}"#, "it has the unknown key \"version\""),
            (
                #"{"aggregate":"product/1","type":"a","data":1,"expectedversion":2}"#,
                "did you mean \"expectedVersion\"?"
            ),
            (#"{"aggregate":"product/1","type":"a","data":1,"expectedVersion":-1}"#, "is not a whole number"),
            (#"{"aggregate":"product/1","type":"a","data":1,"expectedVersion":1.0}"#, "is not a whole number"),
            (#"{"aggregate":"product/1","type":"a","data":1,"expectedVersion":1e2}"#, "is not a whole number"),
            (#"{"aggregate":"product/1","type":"a","data":1,"expectedVersion":"1"}"#, "is not a whole number"),
            (
                #"{"aggregate":"product/1","type":"a","data":1,"expectedVersion":9007199254740992}"#,
                "is not a whole number"
            ),
            (#"{"aggregate":"product/1","type":"a","data":1} {}"#, "it is not JSON"),
            (#"{"aggregate":"product/1","type":"a","data":1"#, "it is not JSON"),
            (#"{"aggregate":"product/1","type":"a","data":{]}"#, "it is not JSON"),
            (
                #"{"aggregate":"product/1","type":"a","data":\#(String(repeating: "[", count: 100_000))"#,
                "it is not JSON"
            ),
        ])
    func refused(text: String, problem: String) {
        let error = #expect(throws: LineProblem.self) { try read(text) }
        #expect(error?.line == 7)
        #expect(error?.problem.contains(problem) == true, "\(error?.problem ?? "")")
    }

    @Test("a body may nest as deep as the wire allows, and no deeper")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            let data = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            return #"{"aggregate":"product/1","type":"a","data":\#(data)}"#
        }
        _ = try read(nested(64))
        #expect(throws: LineProblem.self) { try read(nested(65)) }
    }

    @Test("lines are counted from one, blank ones too, whatever ends them")
    func lines() {
        let good = #"{"aggregate":"product/1","type":"a","data":1}"#
        let (events, problems) = EventLineReader.read(lines: Array("\(good)\r\n\n{\n\(good)\n".utf8))
        #expect(events.map(\.number) == [1, 4])
        #expect(problems.map(\.line) == [3])
    }

    @Test("one append takes the lines whose expectations follow from the first")
    func runs() throws {
        func lines(_ expectations: [Int64?]) throws -> ArraySlice<EventLine> {
            try expectations.map { expected in
                let text = expected.map { #","expectedVersion":\#($0)"# } ?? ""
                return try read(#"{"aggregate":"product/1","type":"a","data":1\#(text)}"#)
            }[...]
        }
        #expect(BulkPublisher.run(try lines([nil, nil, nil])).count == 3)
        #expect(BulkPublisher.run(try lines([nil, 1, nil])).count == 1)
        #expect(BulkPublisher.run(try lines([4, nil, 6, 7])).count == 4)
        #expect(BulkPublisher.run(try lines([4, 5, 7])).count == 2)
        #expect(BulkPublisher.run(try lines([4, 4])).count == 1)
        #expect(BulkPublisher.run(try lines(Array(repeating: nil, count: 1000))).count == 256)
    }
}
