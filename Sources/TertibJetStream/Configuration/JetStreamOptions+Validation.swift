import Foundation
import TertibCore

extension JetStreamOptions {
    /// Whether a server that does not speak TLS is refused.
    ///
    /// libnats 3.4.1 connects to a plaintext server even when the URL says `tls://`, so the scheme has to become a
    /// requirement here.
    var requiresTLS: Bool {
        tls.isRequired || servers.contains { $0.lowercased().hasPrefix("tls://") }
    }

    /// The files that hold a secret and that other users of the machine may read.
    var exposedSecretFiles: [String] {
        [authentication.secretFile, tls.keyFile].compactMap(\.self).filter { path in
            let mode = (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? NSNumber
            return (mode?.intValue ?? 0) & 0o077 != 0
        }
    }

    /// Refuses what can never work: a person has to change it.
    func validate() throws(EventLogError) {
        guard !servers.isEmpty else { throw unusable("no server is given", "List at least one URL in nats.servers.") }
        for server in servers { try check(server: server) }
        try check(prefix: inboxPrefix, as: "inbox prefix")
        try check(prefix: apiPrefix, as: "API prefix")
        guard (1...5).contains(replicas) else {
            throw unusable("\(replicas) replicas are not possible", "JetStream keeps 1 to 5 copies.")
        }
        try check(file: authentication.secretFile, as: "secret")
        try check(file: tls.caFile, as: "certificate authorities")
        try check(file: tls.certificateFile, as: "client certificate")
        try check(file: tls.keyFile, as: "client key")
        guard (tls.certificateFile == nil) == (tls.keyFile == nil) else {
            throw unusable("a client certificate needs its key and a key its certificate", nil)
        }
        if case .nkey(let publicKey, _) = authentication, !publicKey.hasPrefix("U") {
            throw unusable("the nkey's public key does not begin with U", "It is the user's public key, not the seed.")
        }
    }

    private func check(server: String) throws(EventLogError) {
        guard let parts = URLComponents(string: server), let scheme = parts.scheme?.lowercased(),
            ["nats", "tls"].contains(scheme), let host = parts.host, !host.isEmpty
        else {
            throw unusable("a server's URL is not nats://host:port or tls://host:port", nil)
        }
        guard parts.user == nil, parts.password == nil, !server.contains("@") else {
            throw unusable(
                "the URL of the server \(host) holds a user or a password",
                "Put the secret into a file and name it in nats.authentication.")
        }
    }

    private func check(prefix: String, as name: String) throws(EventLogError) {
        let tokens = prefix.split(separator: ".", omittingEmptySubsequences: false)
        let isFine = tokens.allSatisfy { token in
            !token.isEmpty && token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2A && $0 != 0x3E }
        }
        guard isFine else {
            throw unusable("the \(name) is not a subject without wildcards", "It looks like _INBOX_orders.")
        }
    }

    private func check(file: String?, as name: String) throws(EventLogError) {
        guard let file else { return }
        guard FileManager.default.isReadableFile(atPath: file) else {
            throw unusable("the file of the \(name), \(file), does not exist or is not readable", nil)
        }
        let size = (try? FileManager.default.attributesOfItem(atPath: file))?[.size] as? NSNumber
        guard let size, size.intValue > 0 else { throw unusable("the file of the \(name), \(file), is empty", nil) }
    }

    private func unusable(_ reason: String, _ advice: String?) -> EventLogError {
        EventLogError(.invalid, attempted: "use the broker's settings", reason: reason, advice: advice)
    }
}
