import Foundation

/// A certificate authority of a test's own, with a server's certificate for 127.0.0.1 and a client's; made by the
/// `openssl` command.
public final class TestCertificates: Sendable {
    private let directory: TemporaryDirectory

    /// The authority's certificate, in PEM.
    public var authority: String { "\(directory.path)/ca.pem" }
    /// The server's certificate, in PEM.
    public var server: String { "\(directory.path)/server.pem" }
    /// The server's private key, in PEM.
    public var serverKey: String { "\(directory.path)/server.key" }
    /// The client's certificate, in PEM.
    public var client: String { "\(directory.path)/client.pem" }
    /// The client's private key, in PEM.
    public var clientKey: String { "\(directory.path)/client.key" }

    /// Makes the certificates, valid for a day.
    public init() throws {
        directory = try TemporaryDirectory()
        try openssl([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test authority", "-keyout",
            "\(directory.path)/ca.key", "-out", authority,
        ])
        try issue("server", extensions: "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        try issue("client", extensions: "extendedKeyUsage=clientAuth\n")
    }

    private func issue(_ name: String, extensions: String) throws {
        let base = "\(directory.path)/\(name)"
        try directory.write(extensions, to: "\(name).ext")
        try openssl([
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=\(name)", "-keyout", "\(base).key", "-out",
            "\(base).csr",
        ])
        try openssl([
            "x509", "-req", "-days", "1", "-in", "\(base).csr", "-CA", authority, "-CAkey", "\(directory.path)/ca.key",
            "-CAcreateserial", "-extfile", "\(base).ext", "-out", "\(base).pem",
        ])
    }

    private func openssl(_ arguments: [String]) throws {
        let output = "\(directory.path)/openssl.log"
        let process = try ChildProcess(["/usr/bin/openssl"] + arguments, output: output)
        guard process.waitForEnd() == 0 else {
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            throw TestServerError("openssl \(arguments[0]) failed: \(text)")
        }
    }
}
