/// The message by which a store commits.
///
/// Source: PostgreSQL's documentation, "Message Formats": `Query` is a `Q`, the length of what follows it, and the text
/// with a zero behind it.
enum PostgresCommit {
    /// Whether a client has said this, and waits for the outcome of a commit; perhaps of something behind it, too.
    static func isFirst(in bytes: [UInt8]) -> Bool {
        bytes.first == UInt8(ascii: "Q") && bytes.dropFirst(5).starts(with: "COMMIT".utf8)
    }
}
