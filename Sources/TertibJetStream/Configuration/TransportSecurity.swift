/// How a connection to the broker is protected.
public struct TransportSecurity: Hashable, Sendable {
    /// Refuse a server that does not speak TLS. A `tls://` URL has the same effect.
    public var isRequired: Bool
    /// A file with the certificates of the authorities to trust, in PEM; the system's when `nil`.
    public var caFile: String?
    /// A file with the client's certificate chain, in PEM.
    public var certificateFile: String?
    /// A file with the client's private key, in PEM.
    public var keyFile: String?

    /// Creates a protection; by default TLS is used when the server asks for it.
    public init(
        isRequired: Bool = false, caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil
    ) {
        self.isRequired = isRequired
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}
