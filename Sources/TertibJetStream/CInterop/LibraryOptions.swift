import CNats
import Foundation
import TertibCore

/// Owns one `natsOptions`: built anew for each connection, so that rotated certificates and secrets are read again.
/// Used on one thread.
final class LibraryOptions {
    private(set) var handle: OpaquePointer

    /// - Parameter servers: the servers in the order in which to try them.
    init(_ options: JetStreamOptions, servers: [String], events: UInt) throws(EventLogError) {
        var created: OpaquePointer?
        try Self.check(natsOptions_Create(&created), "prepare a connection")
        guard let created else { throw Self.failure("prepare a connection", "libnats gave no options") }
        handle = created
        try applyTransport(options, servers: servers)
        try applyTLS(options)
        try apply(options.authentication)
        let closure = UnsafeMutableRawPointer(bitPattern: events)
        try Self.check(natsOptions_SetClosedCB(handle, Callbacks.closed, closure), "prepare a connection")
        try Self.check(natsOptions_SetErrorHandler(handle, Callbacks.error, closure), "prepare a connection")
    }

    deinit { natsOptions_Destroy(handle) }

    /// libnats' own reconnecting is switched off: the supervisor makes a fresh connection instead. Its reconnect gives
    /// up for good on the second equal authorization error, keeps the certificates of the first connection, and has
    /// faults up to 3.8.0; a fresh connection has to be made after a final close anyway, and one way is tested better
    /// than two. No buffer survives a connection either, so nothing is sent after its caller was told otherwise.
    private func applyTransport(_ options: JetStreamOptions, servers: [String]) throws(EventLogError) {
        let what = "prepare a connection"
        try withCStrings(servers) { pointers in
            natsOptions_SetServers(handle, pointers, Int32(servers.count))
        }
        try Self.check(natsOptions_SetNoRandomize(handle, true), what)
        try Self.check(natsOptions_SetName(handle, options.clientName), what)
        try Self.check(natsOptions_SetTimeout(handle, options.connectTimeout.milliseconds), what)
        try Self.check(natsOptions_SetAllowReconnect(handle, false), what)
        try Self.check(natsOptions_SetReconnectBufSize(handle, 0), what)
        try Self.check(natsOptions_SetPingInterval(handle, 15_000), what)
        try Self.check(natsOptions_SetMaxPingsOut(handle, 2), what)
        // A write that blocks holds the lock that libnats' own ping timer needs, so only this ends it.
        try Self.check(natsOptions_SetWriteDeadline(handle, 5_000), what)
        // One thread for all subscriptions: with a thread for each, deliveries that came in order through two pull
        // requests would be taken out of order.
        try Self.check(natsOptions_UseGlobalMessageDelivery(handle, true), what)
    }

    private func applyTLS(_ options: JetStreamOptions) throws(EventLogError) {
        let required = options.requiresTLS
        if required { try Self.check(natsOptions_SetSecure(handle, true), "require TLS") }
        if let file = options.tls.caFile {
            try Self.check(
                natsOptions_LoadCATrustedCertificates(handle, file), "read the certificate authorities in \(file)")
        }
        if let certificate = options.tls.certificateFile, let key = options.tls.keyFile {
            try Self.check(
                natsOptions_LoadCertificatesChain(handle, certificate, key),
                "read the client certificate in \(certificate) and its key in \(key)")
        }
    }

    private func apply(_ authentication: Authentication) throws(EventLogError) {
        switch authentication {
        case .none:
            break
        case .credentials(let file):
            try Self.check(natsOptions_SetUserCredentialsFromFiles(handle, file, nil), "use the credentials in \(file)")
        case .nkey(let publicKey, let seedFile):
            try Self.check(
                natsOptions_SetNKeyFromSeed(handle, publicKey, seedFile), "use the nkey seed in \(seedFile)")
        case .password(let user, let file):
            let password = try Self.secret(in: file)
            try Self.check(natsOptions_SetUserInfo(handle, user, password), "use the password in \(file)")
        case .token(let file):
            let token = try Self.secret(in: file)
            try Self.check(natsOptions_SetToken(handle, token), "use the token in \(file)")
        }
    }

    /// The first line of a file, so that an editor's line end does no harm.
    private static func secret(in file: String) throws(EventLogError) -> String {
        guard let bytes = FileManager.default.contents(atPath: file), let text = String(bytes: bytes, encoding: .utf8)
        else { throw failure("read the secret in \(file)", "the file cannot be read as text") }
        let line = text.prefix { !$0.isNewline }
        guard !line.isEmpty else { throw failure("read the secret in \(file)", "its first line is empty") }
        return String(line)
    }

    private static func check(_ status: natsStatus, _ attempted: String) throws(EventLogError) {
        guard status == NATS_OK else { throw failure(attempted, LibraryStatus(status).text) }
    }

    private static func failure(_ attempted: String, _ reason: String) -> EventLogError {
        EventLogError(.invalid, attempted: attempted, reason: reason)
    }

    private func withCStrings(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafePointer<CChar>?>) -> natsStatus
    ) throws(EventLogError) {
        let copies = strings.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        var pointers = copies.map { $0.map { UnsafePointer($0) } }
        let status = pointers.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map(body) ?? NATS_INVALID_ARG
        }
        try Self.check(status, "use the list of servers")
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, at least one.
    var milliseconds: Int64 { max(1, (nanoseconds + 999_999) / 1_000_000) }

    /// Whole nanoseconds, as JetStream counts; the largest number for what does not fit.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflows ? (seconds < 0 ? .min : .max) : product.addingClamped(attoseconds / 1_000_000_000)
    }
}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (other < 0 ? .min : .max) : sum
    }
}
