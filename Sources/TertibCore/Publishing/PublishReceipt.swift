/// Proof that an event is in the stream.
public struct PublishReceipt: Hashable, Sendable {
    /// The aggregate.
    public let aggregate: Aggregate
    /// The event's version.
    public let version: AggregateVersion
    /// The event's id.
    public let eventID: EventID
    /// The stream.
    public let stream: StreamName
    /// Its position there.
    public let sequence: StreamSequence
    /// Whether an earlier attempt had stored it already.
    public let isDuplicate: Bool

    /// What another service waits for to read this write.
    public var token: VersionToken { VersionToken(aggregate: aggregate, version: version) }
}

/// "This aggregate has at least this version", written `product/42@7`, the id percent-encoded as in its subject.
public struct VersionToken: Hashable, Sendable, CustomStringConvertible {
    /// The aggregate.
    public let aggregate: Aggregate
    /// The version to reach.
    public let version: AggregateVersion

    /// Creates a token.
    public init(aggregate: Aggregate, version: AggregateVersion) {
        self.aggregate = aggregate
        self.version = version
    }

    /// Reads a token.
    /// - Throws: ``IdentityError`` when it is not of the form `TYPE/ID@VERSION`.
    public init(parsing text: String) throws(IdentityError) {
        let problem = IdentityError("token", "is not of the form TYPE/ID@VERSION, such as product/42@7")
        guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")),
            let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")), slash < at,
            let version = AggregateVersion(wire: text[text.utf8.index(after: at)...])
        else { throw problem }
        let type = try AggregateType(String(text[..<slash]))
        do throws(MalformedReason) {
            let id = try SubjectMapping.decode(Array(text[text.utf8.index(after: slash)..<at].utf8))
            self.init(aggregate: Aggregate(type: type, id: id), version: version)
        } catch {
            throw IdentityError("token", "is not readable: \(error)")
        }
    }

    /// `product/42@7`
    public var description: String {
        "\(aggregate.type)/\(SubjectMapping.encode(aggregate.id))@\(version)"
    }
}
