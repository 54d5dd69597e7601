/// The mapping between an aggregate and its subject, `<namespace>.<type>.<id>`.
///
/// A byte of the id outside `A-Za-z0-9_-` is written `%XX`, upper-case hexadecimal of the UTF-8 byte, and exactly one
/// spelling is accepted: two spellings of one id would be two histories of one aggregate.
public struct SubjectMapping: Hashable, Sendable {
    /// The first token of each subject.
    public let namespace: Namespace

    /// Creates the mapping of a namespace.
    public init(namespace: Namespace) {
        self.namespace = namespace
    }

    /// The filter that matches every subject of the namespace, bad spellings included: `<namespace>.>`.
    public var everything: String { "\(namespace.text).>" }

    /// The filter that matches the aggregates of one type, at any depth of bad spelling: `<namespace>.<type>.>`.
    public func filter(for type: AggregateType) -> String { "\(namespace.text).\(type.text).>" }

    /// The subject of an aggregate.
    public func subject(of aggregate: Aggregate) -> String {
        "\(namespace.text).\(aggregate.type.text).\(Self.encode(aggregate.id))"
    }

    /// The aggregate of a subject.
    /// - Throws: ``MalformedReason`` when the subject is not one that ``subject(of:)`` gives.
    public func aggregate(of subject: String) throws(MalformedReason) -> Aggregate {
        let tokens = subject.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard tokens.count == 3 else {
            throw MalformedReason(.subject, "the subject has \(tokens.count) tokens, not <namespace>.<type>.<id>")
        }
        guard tokens[0].elementsEqual(namespace.text.utf8) else {
            throw MalformedReason(.subject, "the subject is not in the namespace \(namespace.text)")
        }
        do {
            let type = try AggregateType(String(decoding: tokens[1], as: UTF8.self))
            return Aggregate(type: type, id: try Self.decode(tokens[2]))
        } catch let error as IdentityError {
            throw MalformedReason(.subject, "the subject's \(error)")
        } catch let reason as MalformedReason {
            throw reason
        } catch {
            throw MalformedReason(.subject, "the subject is not readable")
        }
    }

    /// The one accepted spelling of an id as a subject token.
    public static func encode(_ id: AggregateID) -> String {
        var token: [UInt8] = []
        token.reserveCapacity(id.text.utf8.count)
        for byte in id.text.utf8 {
            if isPlain(byte) {
                token.append(byte)
            } else {
                token.append(UInt8(ascii: "%"))
                token.append(hexadecimalDigit(byte >> 4))
                token.append(hexadecimalDigit(byte & 0x0F))
            }
        }
        return String(decoding: token, as: UTF8.self)
    }

    /// Reads a subject token.
    /// - Throws: ``MalformedReason`` for any spelling that ``encode(_:)`` does not give.
    public static func decode(_ token: some Collection<UInt8>) throws(MalformedReason) -> AggregateID {
        var bytes: [UInt8] = []
        var rest = token[...]
        while let byte = rest.popFirst() {
            if byte != UInt8(ascii: "%") {
                guard isPlain(byte) else {
                    throw MalformedReason(.subject, "the id has a byte that must be written %XX")
                }
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexadecimalValue),
                let low = rest.popFirst().flatMap(hexadecimalValue)
            else {
                throw MalformedReason(.subject, "the id has a % that no two upper-case hexadecimal digits follow")
            }
            let decoded = high << 4 | low
            guard !isPlain(decoded) else {
                throw MalformedReason(.subject, "the id escapes a byte that needs no escape")
            }
            bytes.append(decoded)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw MalformedReason(.subject, "the id is not UTF-8")
        }
        do {
            return try AggregateID(text)
        } catch {
            throw MalformedReason(.subject, "the \(error)")
        }
    }

    /// Whether a byte stands for itself in a subject token: `A-Za-z0-9_-`.
    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default:
            false
        }
    }

    static func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "A") + nibble - 10
    }

    static func hexadecimalValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
