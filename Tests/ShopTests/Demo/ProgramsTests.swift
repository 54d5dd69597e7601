import TestServers
import TertibLab
import Testing

@testable import ShopDemo

@Suite("The demo's programs")
struct ProgramsTests {
    @Test("nats-server is the one that the environment names")
    func named() throws {
        #expect(try Programs.broker(environment: ["TERTIB_NATS_SERVER": "/bin/sh", "PATH": ""]) == "/bin/sh")
    }

    @Test("a nats-server that the environment names and that is none is refused by its name")
    func namedWrongly() {
        #expect {
            try Programs.broker(environment: ["TERTIB_NATS_SERVER": "/bin"])
        } throws: { error in
            "\(error)".contains("/bin")
        }
    }

    @Test("the shop's programs are missed one by one")
    func missing() throws {
        let folder = try TemporaryDirectory()
        let options = DemoOptions(seed: 1, programFolder: folder.path, broker: "/bin/sh")
        #expect {
            try Programs.check(options)
        } throws: { error in
            "\(error)".contains("shop-catalog") && "\(error)".contains("swift build")
        }
    }
}
