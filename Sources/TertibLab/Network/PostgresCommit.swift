/// The message by which a store commits.
///
/// Source: PostgreSQL's documentation, "Message Formats": `Query` is a `Q`, the length of what follows it, and the text
/// with a zero behind it.
enum PostgresCommit {
    private static let message = [UInt8](arrayLiteral: 0x51, 0, 0, 0, 11) + Array("COMMIT".utf8) + [0]

    /// Whether a client that has said this waits for the outcome of a commit.
    static func ends(_ bytes: [UInt8]) -> Bool { bytes.suffix(message.count).elementsEqual(message) }
}
