import Foundation
import Testing

@testable import TertibConfiguration

@Suite("A mistake in a configuration")
struct ConfigurationErrorTests {
    @Test("is refused with its place, its path and a message that helps", arguments: BadFiles.all)
    func isRefused(file: BadFile) throws {
        let workspace = try Workspace()
        try workspace.writeNamedFiles()
        let error = #expect(throws: ConfigurationError.self) { try workspace.read(file.content) }
        let problems = try #require(error).problems
        #expect(problems.count == 1, "\(problems.map(\.description))")
        let problem = try #require(problems.first)
        let place = file.place
        #expect(problem.place == "orders.json:\(place.line):\(place.column)")
        #expect(problem.code == file.code)
        #expect(problem.path == file.path)
        for fragment in file.fragments {
            #expect(problem.description.contains(fragment), "\(problem)")
        }
        #expect(problem.description.split(separator: "\n", omittingEmptySubsequences: false).count == 3)
        #expect(!problem.description.lowercased().contains("canary"), "a secret is told: \(problem)")
        #expect(!String(describing: problem).contains("§"))
    }

    @Test("has a name of its own in the table, of which there are at least 60")
    func isNamedOnce() {
        #expect(BadFiles.all.count >= 60)
        #expect(Set(BadFiles.all.map(\.name)).count == BadFiles.all.count)
    }

    @Test("does not hide the others: all are told at once, in the order of the file")
    func isToldWithTheOthers() throws {
        let workspace = try Workspace()
        let text = """
            {
              "service": "Orders",
              "nats": { "servers": ["nats://a", "http://b"] },
              "stream": { "name": "SHOP", "namespace": "shop", "replica": 3 },
              "consumers": { "orders": { "batch": 0, "gap": { "hold": 50 } } },
              "log": { "level": "loud" }
            }
            """
        let error = try #require(#expect(throws: ConfigurationError.self) { try workspace.read(text) })
        #expect(
            error.problems.map { "\($0.line ?? 0):\($0.column ?? 0) \($0.code) \($0.path)" } == [
                "1:1 missingKey $.store",
                "2:14 invalidValue $.service",
                "3:37 invalidValue $.nats.servers[1]",
                "4:52 unknownKey $.stream.replica",
                "5:39 invalidValue $.consumers.orders.batch",
                "5:59 wrongType $.consumers.orders.gap.hold",
                "6:21 invalidValue $.log.level",
            ])
        #expect(error.what == "orders.json has 7 problems")
        #expect(error.why.split(separator: "\n").count == 7)
        #expect(error.description.contains("orders.json:4:52: $.stream.replica is not a setting"))
        #expect(error.description.contains("did you mean \"replicas\"?"))
    }

    @Test("prints as what, why and what to do")
    func printsAsThreeParts() throws {
        let workspace = try Workspace()
        let error = try #require(
            #expect(throws: ConfigurationError.self) { try workspace.read(Sample.consumer(#"{ "bacth": 10 }"#)) })
        #expect(
            error.description == """
                orders.json:6:30: $.consumers.orders.bacth is not a setting
                expected one of aggregates, maxAckPending, handlerLimit, baseline, batch, acknowledgementWait, gap, \
                retry, parked, found "bacth"
                did you mean "batch"?
                """)
    }

    @Test("shows a text from the file shortened, and without what a terminal would obey")
    func showsTextsHarmless() throws {
        let workspace = try Workspace()
        let hostile = "\\u001b[31m\\u202e\\r\\n" + String(repeating: "x", count: 5000)
        for text in [
            Sample.file(["log": "{ \"level\": \"\(hostile)\" }"]), Sample.file(["log": "{ \"\(hostile)\": 1 }"]),
            Sample.file([hostile: "1"]), Sample.file(["consumers": "{ \"\(hostile)\": {} }"]),
            Sample.consumer("{ \"batch\": \(String(repeating: "9", count: 5000)) }"),
        ] {
            let error = try #require(#expect(throws: ConfigurationError.self) { try workspace.read(text) })
            let description = error.description
            #expect(!description.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" || $0 == "\r" })
            #expect(description.utf8.count < 1200)
        }
    }

    @Test("in a huge file does not make a huge message")
    func staysShort() throws {
        let workspace = try Workspace()
        let keys = (0..<500).map { "\"unknown\($0)\": 1" }.joined(separator: ", ")
        let error = try #require(
            #expect(throws: ConfigurationError.self) { try workspace.read(Sample.file(["log": "{ \(keys) }"])) })
        #expect(error.problems.count == 500)
        #expect(error.why.split(separator: "\n").count == ConfigurationError.shownLimit + 1)
        #expect(error.why.hasSuffix("and 480 more"))
    }

    @Test("that is a missing or unsuitable file is told with its name")
    func isAFile() throws {
        let workspace = try Workspace()
        try workspace.write(String(repeating: " ", count: FileAccess.sizeLimit + 1), to: "huge.json")
        let fifo = "\(workspace.path)/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        for (name, fragment) in [
            ("missing.json", "does not exist"), ("", "is a folder"), ("huge.json", "is larger than"),
            ("fifo", "is not a regular file"),
        ] {
            let path = "\(workspace.path)/\(name)"
            let error = try #require(#expect(throws: ConfigurationError.self) { try ServiceConfiguration.load(path) })
            #expect(error.problems.map(\.code) == [.unreadable])
            #expect(error.what.hasPrefix(path))
            #expect(error.what.contains(fragment), "\(error)")
        }
    }
}
