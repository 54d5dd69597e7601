import Foundation
import Logging
import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

@Suite("Credentials, TLS and permissions")
struct SecurityTests {
    private static let nkey = TestIdentities.nkey
    private static let seed = TestIdentities.seed

    private func canUse(_ fixture: Fixture, _ authentication: Authentication) async throws {
        let log = try await fixture.log { $0.authentication = authentication }
        #expect(await log.publish(message("1", "a"), expecting: .any).sequence != nil)
        await log.close()
    }

    private func isRefused(_ fixture: Fixture, _ authentication: Authentication) async throws {
        let error = await #expect(throws: EventLogError.self) {
            _ = try await fixture.connectedLog { $0.authentication = authentication }
        }
        #expect(error?.code == .authentication)
    }

    @Test("a user with a password from a file", arguments: NatsServer.binaries)
    func password(_ binary: NatsServer.Binary) async throws {
        let secrets = try TemporaryDirectory()
        let right = try secrets.write("s3cret\n", to: "right")
        let wrong = try secrets.write("guess", to: "wrong")
        try await Fixture.with(binary, configuration: #"authorization { user: "orders", password: "s3cret" }"#) {
            fixture in
            try await canUse(fixture, .password(user: "orders", passwordFile: right))
            try await isRefused(fixture, .password(user: "orders", passwordFile: wrong))
            try await isRefused(fixture, .none)
        }
    }

    @Test("a token from a file", arguments: NatsServer.binaries)
    func token(_ binary: NatsServer.Binary) async throws {
        let secrets = try TemporaryDirectory()
        let right = try secrets.write("t0ken\n", to: "right")
        let wrong = try secrets.write("t1ken\n", to: "wrong")
        try await Fixture.with(binary, configuration: #"authorization { token: "t0ken" }"#) { fixture in
            try await canUse(fixture, .token(file: right))
            try await isRefused(fixture, .token(file: wrong))
        }
    }

    @Test("an nkey with its seed in a file", arguments: NatsServer.binaries)
    func nkey(_ binary: NatsServer.Binary) async throws {
        let secrets = try TemporaryDirectory()
        let seedFile = try secrets.write("\(Self.seed)\n", to: "seed")
        try await Fixture.with(binary, configuration: "authorization { users: [ { nkey: \"\(Self.nkey)\" } ] }") {
            fixture in
            try await canUse(fixture, .nkey(publicKey: Self.nkey, seedFile: seedFile))
            try await isRefused(fixture, .none)
        }
    }

    @Test("a credentials file with a user's JWT", arguments: NatsServer.binaries)
    func credentials(_ binary: NatsServer.Binary) async throws {
        let secrets = try TemporaryDirectory()
        let file = try secrets.write(TestIdentities.credentials, to: "user.creds")
        try await Fixture.with(binary, configuration: TestIdentities.serverConfiguration) { fixture in
            try await canUse(fixture, .credentials(file: file))
            try await isRefused(fixture, .none)
        }
    }

    @Test("a secret that is rotated while the broker is away is read again", arguments: NatsServer.binaries)
    func rotation(_ binary: NatsServer.Binary) async throws {
        let secrets = try TemporaryDirectory()
        let file = try secrets.write("before", to: "password")
        let configuration = #"authorization { user: "orders", password: "before" }"#
        try await Fixture.with(binary, configuration: configuration) { fixture in
            let log = try await fixture.log { $0.authentication = .password(user: "orders", passwordFile: file) }
            fixture.server.stop()
            let config = "\(fixture.server.directory.path)/server.conf"
            let text = try String(contentsOfFile: config, encoding: .utf8)
            try fixture.server.directory.write(
                text.replacingOccurrences(of: "before", with: "after"), to: "server.conf")
            try secrets.write("after", to: "password")
            try await fixture.server.restart()
            try await waitUntil("the new password to be used") {
                await log.publish(message("1", "a"), expecting: .any).sequence != nil
            }
            await log.close()
        }
    }

    @Test("settings that can never work are refused when the log is opened")
    func unusable() throws {
        let directory = try TemporaryDirectory()
        let empty = try directory.write("", to: "empty")
        func refusal(_ change: (inout JetStreamOptions) -> Void) throws -> EventLogError? {
            var options = JetStreamOptions(
                servers: ["nats://127.0.0.1:4222"], stream: try StreamName("SHOP"), namespace: try Namespace("shop"))
            change(&options)
            return #expect(throws: EventLogError.self) { try JetStreamLog.open(options) }
        }
        let refusals = [
            try refusal { $0.servers = [] },
            try refusal { $0.servers = ["http://127.0.0.1"] },
            try refusal { $0.servers = ["nats://user:hunter2@127.0.0.1:4222"] },
            try refusal { $0.authentication = .credentials(file: "\(directory.path)/missing") },
            try refusal { $0.authentication = .token(file: empty) },
            try refusal { $0.authentication = .nkey(publicKey: Self.seed, seedFile: empty) },
            try refusal { $0.tls.caFile = "\(directory.path)/missing" },
            try refusal { $0.tls.certificateFile = empty },
            try refusal { $0.inboxPrefix = "_INBOX.>" },
            try refusal { $0.apiPrefix = "" },
            try refusal { $0.replicas = 0 },
        ]
        #expect(refusals.allSatisfy { $0?.code == .invalid })
        #expect(refusals[2]?.description.contains("hunter2") == false, "a password in an error")
        #expect(refusals[3]?.reason.contains("missing") == true)
    }

    @Test("TLS that is required is not given up for a plaintext server", arguments: NatsServer.binaries)
    func plaintextRefused(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let byOption = await #expect(throws: EventLogError.self) {
                _ = try await fixture.connectedLog { $0.tls.isRequired = true }
            }
            #expect(byOption?.code == .authentication)
            let byScheme = await #expect(throws: EventLogError.self) {
                _ = try await fixture.connectedLog { $0.servers = ["tls://127.0.0.1:\(fixture.server.port)"] }
            }
            #expect(byScheme?.code == .authentication)
            #expect(byScheme?.reason.contains("TLS") == true)
        }
    }

    @Test("a server with a certificate of the named authority is used, and no other", arguments: NatsServer.binaries)
    func certificates(_ binary: NatsServer.Binary) async throws {
        let certificates = try TestCertificates()
        let foreign = try TestCertificates()
        let configuration = """
            tls {
              cert_file: "\(certificates.server)"
              key_file: "\(certificates.serverKey)"
              ca_file: "\(certificates.authority)"
              verify: true
            }
            """
        try await Fixture.with(binary, configuration: configuration) { fixture in
            let security = TransportSecurity(
                isRequired: true, caFile: certificates.authority, certificateFile: certificates.client,
                keyFile: certificates.clientKey)
            let log = try await fixture.log { $0.tls = security }
            #expect(await log.publish(message("1", "a"), expecting: .any).sequence == 1)
            #expect(try await log.state().enforcesExpectations)
            await log.close()
            var wrong = security
            wrong.caFile = foreign.authority
            let untrusted = await #expect(throws: EventLogError.self) {
                _ = try await fixture.connectedLog { $0.tls = wrong }
            }
            #expect(untrusted?.code == .authentication)
            let otherName = await #expect(throws: EventLogError.self) {
                _ = try await fixture.connectedLog {
                    $0.tls = security
                    $0.servers = ["nats://localhost.localdomain:\(fixture.server.port)"]
                }
            }
            #expect(otherName != nil)
        }
    }
}
