import Foundation
import Synchronization
import TestServers
import Testing

@testable import TertibLab

@Suite("The network between replicas and broker", .serialized)
struct NetworkProxyTests {
    /// A broker, a network with one link, and a client at its end.
    private struct Bench {
        let server: NatsServer
        let proxy: NetworkProxy

        init() async throws {
            server = try await NatsServer.start()
            proxy = try NetworkProxy(to: server.port, links: 1)
        }

        var link: NetworkProxy.Link { proxy.links[0] }

        func client() throws -> RawNatsClient { try RawNatsClient(port: link.port) }

        func set(_ line: LinkRules.Line) { proxy.change(link) { $0.line = line } }
    }

    @Test("passes everything while it is open, and slowly when it is slow")
    func slow() async throws {
        let bench = try await Bench()
        defer { bench.proxy.stop() }
        let client = try bench.client()
        try client.flush()
        bench.set(.slow(.milliseconds(150)))
        try client.flush()  // perhaps still by the old rule
        let start = ContinuousClock.now
        try client.flush()
        #expect(ContinuousClock.now - start >= .milliseconds(300), "there and back")
        bench.set(.open)
        try client.flush()
    }

    @Test("a cut ends connections, and refuses new ones until it is mended")
    func cut() async throws {
        let bench = try await Bench()
        defer { bench.proxy.stop() }
        let client = try bench.client()
        try client.flush()
        bench.set(.cut)
        #expect(throws: TestServerError.self) { try client.flush() }
        #expect(throws: TestServerError.self) { try bench.client() }
        bench.set(.open)
        try bench.client().flush()
    }

    @Test("a stall loses nothing: it goes on where it stopped")
    func stall() async throws {
        let bench = try await Bench()
        defer { bench.proxy.stop() }
        let client = try bench.client()
        try client.flush()
        bench.set(.stalled)
        try client.write("PING\r\n")
        let direct = try RawNatsClient(port: bench.server.port)
        try direct.flush()
        bench.set(.open)
        try client.flush()
    }

    @Test("half open, the broker sees the end and the client does not")
    func halfOpen() async throws {
        let bench = try await Bench()
        defer { bench.proxy.stop() }
        let client = try bench.client()
        try client.flush()
        bench.set(.halfOpen)
        try await waitUntil("the broker to see the end") { try self.connections(of: bench.server) == 0 }
        try client.write("PING\r\n")  // nobody answers, and nobody says so
        bench.set(.open)
        #expect(throws: TestServerError.self) { try client.flush() }
        try bench.client().flush()
    }

    @Test("lost acknowledgements are swallowed, everything else passes")
    func acknowledgements() async throws {
        let bench = try await Bench()
        defer { bench.proxy.stop() }
        let client = try bench.client()
        bench.proxy.change(bench.link) { $0.lostAcknowledgements = 1 }
        try client.publish("$JS.ACK.LAB.lab-rows.1.5.5.1700000000000000000.0", body: "+ACK")
        try client.publish("$JS.ACK.LAB.lab-rows.1.6.6.1700000000000000000.0", body: "-NAK")
        try client.flush()
        #expect(bench.proxy.counts.lostAcknowledgements == 1)
        #expect(bench.proxy.counts.acknowledgements == 0)
        bench.proxy.change(bench.link) { $0.lostAcknowledgements = 0 }
        try client.publish("$JS.ACK.LAB.lab-rows.1.7.7.1700000000000000000.0", body: "+ACK")
        try client.flush()
        #expect(bench.proxy.counts.acknowledgements == 1)
    }

    @Test("a trap snaps at the acknowledgement, once")
    func trap() async throws {
        let bench = try await Bench()
        defer { bench.proxy.stop() }
        let client = try bench.client()
        let snapped = Mutex<[UInt64]>([])
        let trap = LinkRules.Trap(countdown: 2) { sequences in snapped.withLock { $0 += sequences } }
        bench.proxy.change(bench.link) { $0.trap = trap }
        for sequence in 1...4 {
            try client.publish("$JS.ACK.LAB.lab-rows.1.\(sequence).1.1700000000000000000.0", body: "+ACK")
            try client.flush()
            #expect(snapped.withLock { $0 } == (sequence < 2 ? [] : [2]))
        }
    }

    @Test("published events are swallowed by their prefix")
    func publishes() async throws {
        let bench = try await Bench()
        defer { bench.proxy.stop() }
        let client = try bench.client()
        bench.proxy.change(bench.link) { rules in
            rules.lostPublishes = 1
            rules.publishedPrefix = "lab."
        }
        try client.publish("lab.offer.1", body: "{}")
        try client.publish("other", body: "{}")
        try client.flush()
        #expect(bench.proxy.counts.lostPublishes == 1)
    }

    /// How many clients the broker has, by a client of its own that does not count.
    private func connections(of server: NatsServer) throws -> Int {
        let path = "/proc/net/tcp"
        let table = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        let port = String(server.port, radix: 16, uppercase: true)
        let wanted = ":" + String(repeating: "0", count: max(0, 4 - port.count)) + port
        return table.split(separator: "\n").dropFirst().count { line in
            let fields = line.split(separator: " ")
            // The broker's side of an established connection (state 01).
            return fields.count > 3 && fields[1].hasSuffix(wanted) && fields[3] == "01"
        }
    }
}
