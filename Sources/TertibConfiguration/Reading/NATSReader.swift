import TertibCore
import TertibJetStream

/// Reads the section `nats`.
struct NATSReader {
    let context: ReadingContext
    let section: Section

    static let keys = ["servers", "authentication", "tls", "inboxPrefix", "apiPrefix"]

    func read() -> NATSConfiguration? {
        let servers = readServers()
        let authentication = AuthenticationReader(context: context, parent: section).read()
        let tls = readTLS(servers: servers ?? [])
        let inbox = section.value("inboxPrefix", Self.prefix(example: "_INBOX_orders"), default: "_INBOX")
        let api = section.value("apiPrefix", Self.prefix(example: "$JS.API"), default: "$JS.API")
        guard let servers, let authentication, let tls else { return nil }
        return NATSConfiguration(
            servers: servers, authentication: authentication, tls: tls, inboxPrefix: inbox, apiPrefix: api)
    }

    /// A list of at most 32 different servers; `nil` after a report.
    private func readServers() -> [NATSServer]? {
        let example = #"["nats://127.0.0.1:4222"]"#
        guard let node = section.node("servers") else {
            section.reportMissing("servers", expected: "a list of servers", example: example)
            return nil
        }
        let path = section.path.member("servers")
        guard case .array(let elements) = node.value else {
            report(.wrongType, node, path, "has the wrong type", "expected a list of servers, found \(node.kind)")
            return nil
        }
        guard (1...32).contains(elements.count) else {
            report(
                .invalidValue, node, path, "has the wrong length", "expected 1 to 32 servers, found \(elements.count)")
            return nil
        }
        var servers: [NATSServer] = []
        for (index, element) in elements.enumerated() {
            let path = path.element(index)
            guard let server = context.read(element, at: path, Self.server, defaultText: nil) else { continue }
            if servers.contains(server) {
                report(
                    .repeatedKey, element, path, "is there twice", "expected each server once", advice: "remove one")
            }
            servers.append(server)
        }
        return servers.count == elements.count ? servers : nil
    }

    private func report(
        _ code: ConfigurationProblem.Code, _ node: JSONNode, _ path: JSONPath, _ problem: String, _ reason: String,
        advice: String = #"write a list such as ["nats://127.0.0.1:4222"]"#
    ) {
        context.report(code, at: node.position, path, problem, reason: reason, advice: advice)
    }

    private func readTLS(servers: [NATSServer]) -> TransportSecurity? {
        let urlsAsk = servers.contains(where: \.asksForTLS)
        guard
            let tls = section.section("tls", keys: ["required", "caFile", "certificateFile", "keyFile"])
        else { return nil }
        let isRequired = tls.value("required", .boolean, default: tls.position != nil || urlsAsk)
        let authorities = readFile("caFile", of: tls, isSecret: false)
        let certificate = readFile("certificateFile", of: tls, isSecret: false)
        let key = readFile("keyFile", of: tls, isSecret: true)
        if tls.has("certificateFile") != tls.has("keyFile") {
            let present = tls.has("keyFile") ? "keyFile" : "certificateFile"
            tls.reportContradiction(
                of: [present], "stands alone",
                reason: "expected both certificateFile and keyFile, or neither, found only \(present)",
                advice: "add the other one")
        }
        if !isRequired, tls.has("caFile") || tls.has("certificateFile") || tls.has("keyFile") {
            tls.reportContradiction(
                of: ["required"], "contradicts the files beside it",
                reason: "expected true, because a connection without TLS would not use them, found false",
                advice: "remove the files, or \"required\": false")
        }
        if !isRequired, urlsAsk {
            tls.reportContradiction(
                of: ["required"], "contradicts $.nats.servers",
                reason: "expected true, because a server is named with tls://, found false",
                advice: "name the servers with nats://, or remove \"required\": false")
        }
        return TransportSecurity(
            isRequired: isRequired, caFile: authorities, certificateFile: certificate, keyFile: key)
    }

    private func readFile(_ key: String, of tls: Section, isSecret: Bool) -> String? {
        tls.optional(key, .path(in: context.directory, example: "tls/\(key).pem")).flatMap { path in
            let file = NamedFile(context: context, section: tls, key: key, path: path, isSecret: isSecret)
            return file.check() ? path : nil
        }
    }

    private static let server = Form<NATSServer>(
        expected: "nats://HOST:PORT or tls://HOST:PORT", example: #""nats://127.0.0.1:4222""#,
        hidesWhatIsFound: true,
        read: { node throws(Mismatch) in
            guard case .string(let text) = node.value else { throw .wrongType }
            do throws(Mismatch) {
                return try NATSServer(text)
            } catch {
                // What was found is not repeated: it may hold a password in a place where nobody looks for one.
                throw Mismatch(
                    code: error.code, problem: error.problem, advice: error.advice,
                    reason: "expected nats://HOST:PORT or tls://HOST:PORT, found another text")
            }
        }, show: { JSONValue.quoted($0.url) })

    /// One or more tokens of a subject, without wildcards.
    static func prefix(example: String) -> Form<String> {
        .text("tokens of A-Z, a-z, 0-9, $, _ and - with dots between them", example: example) { text in
            if text.utf8.count > 128 { return "is longer than 128 characters" }
            let tokens = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            if tokens.contains(where: \.isEmpty) { return text.isEmpty ? "is empty" : "has an empty token" }
            let isPlain = tokens.allSatisfy { token in
                token.allSatisfy { byte in
                    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte &- UInt8(ascii: "0") < 10
                        || [UInt8(ascii: "$"), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
                }
            }
            return isPlain ? nil : "has a character that is not allowed"
        }
    }
}
