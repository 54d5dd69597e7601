/// How a client proves to the broker who it is. Secrets stand in files only, which are read anew for each connection,
/// so that a rotated secret takes effect by itself.
public enum Authentication: Hashable, Sendable {
    /// No proof.
    case none
    /// A credentials file, as `nsc` writes it: a user JWT and its seed.
    case credentials(file: String)
    /// An nkey: the public key (`U...`), and a file that holds its seed.
    case nkey(publicKey: String, seedFile: String)
    /// A user, and a file that holds the password.
    case password(user: String, passwordFile: String)
    /// A file that holds a token.
    case token(file: String)

    /// The file that holds the secret.
    var secretFile: String? {
        switch self {
        case .none: nil
        case .credentials(let file), .token(let file), .nkey(_, let file), .password(_, let file): file
        }
    }
}
