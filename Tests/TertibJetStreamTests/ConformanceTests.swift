import TertibCore
import TertibJetStream
import TertibTesting
import TestServers
import Testing
import TertibRuntime

@Suite("JetStream keeps the event log's contract", .serialized)
struct ConformanceTests {
    @Test("as a client sees it", arguments: EventLogConformance.checks, NatsServer.binaries)
    func client(check: ConformanceCheck<EventLogFixture>, binary: NatsServer.Binary) async throws {
        try await run(check, on: binary)
    }

    @Test(
        "under an administrator's hands", arguments: EventLogConformance.administrationChecks, NatsServer.binaries)
    func administrator(check: ConformanceCheck<EventLogFixture>, binary: NatsServer.Binary) async throws {
        try await run(check, on: binary)
    }

    private func run(_ check: ConformanceCheck<EventLogFixture>, on binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let opened = OpenLogs()
            let conformance = EventLogFixture(
                namespace: try Namespace("shop"), administration: administration(of: fixture)
            ) {
                let log = try await fixture.log()
                await opened.add(log)
                return log
            }
            do {
                try await check.run(on: conformance)
                try ServerReport.add(binary, "conformance", check.name, "passed")
            } catch {
                await opened.close()
                try ServerReport.add(binary, "conformance", check.name, "failed: \(error)")
                throw error
            }
            await opened.close()
        }
    }

    private actor OpenLogs {
        private var logs: [JetStreamLog] = []

        func add(_ log: JetStreamLog) { logs.append(log) }

        func close() async {
            for log in logs { await log.close() }
        }
    }

    private func administration(of fixture: Fixture) -> EventLogAdministration {
        @Sendable func ask(_ verb: String, _ body: String = "") throws {
            let answer = try fixture.raw().request("$JS.API.\(verb)", body)
            guard answer.contains("\"success\":true") else { throw TestServerError(answer) }
        }
        return EventLogAdministration(
            deleteConsumer: { name in try ask("CONSUMER.DELETE.SHOP.\(name)") },
            deleteStream: { try ask("STREAM.DELETE.SHOP") },
            deleteMessage: { sequence in try ask("STREAM.MSG.DELETE.SHOP", "{\"seq\":\(sequence)}") },
            trim: { sequence in try ask("STREAM.PURGE.SHOP", "{\"seq\":\(sequence)}") },
            store: { message in
                let raw = try fixture.raw()
                try raw.publish(
                    Array(message.subject.utf8),
                    headers: message.headers.isEmpty ? [] : StoredEnvelope.headerBlock(message.headers),
                    body: message.body)
                try raw.flush()
            },
            takeAway: { fixture.server.kill() },
            bringBack: { try await fixture.server.restart() })
    }
}
