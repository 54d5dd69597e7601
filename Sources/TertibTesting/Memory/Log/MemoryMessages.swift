import TertibRuntime
import TertibCore

/// The messages of a stream: by sequence and by subject.
struct MemoryMessages {
    private var stored: [UInt64: LoggedMessage] = [:]
    private var subjects: [[UInt8]: [UInt64]] = [:]
    private(set) var first: UInt64 = 1
    private(set) var last: UInt64 = 0

    var count: Int { stored.count }

    /// The holes between the first and the last message.
    var deleted: UInt64 { last + 1 - first - UInt64(count) }

    subscript(sequence: UInt64) -> LoggedMessage? { stored[sequence] }

    mutating func append(_ message: WireMessage, at time: Timestamp) -> UInt64 {
        last += 1
        stored[last] = LoggedMessage(message: message, sequence: StreamSequence(last), storedAt: time)
        subjects[Array(message.subject.utf8), default: []].append(last)
        return last
    }

    /// Removes a message, if it is there.
    mutating func remove(_ sequence: UInt64) {
        guard let message = stored.removeValue(forKey: sequence)?.message else { return }
        let subject = Array(message.subject.utf8)
        subjects[subject]?.removeAll { $0 == sequence }
        if subjects[subject]?.isEmpty == true { subjects[subject] = nil }
        while first <= last, stored[first] == nil { first += 1 }
    }

    /// Forgets the end: the last sequence goes back, and is used again.
    mutating func cut(after sequence: UInt64) {
        while last > sequence {
            remove(last)
            last -= 1
        }
        first = min(first, last + 1)
    }

    func last(on subject: String) -> UInt64? { subjects[Array(subject.utf8)]?.last }

    /// The sequences on a literal subject.
    func sequences(on subject: String) -> [UInt64] { subjects[Array(subject.utf8)] ?? [] }

    /// The first message from `start` to `end` whose subject the filter matches.
    func firstMatch(_ filter: SubjectFilter, from start: UInt64, through end: UInt64) -> LoggedMessage? {
        if let literal = filter.literal {
            let found = sequences(on: literal).first { $0 >= start && $0 <= end }
            return found.flatMap { stored[$0] }
        }
        var sequence = max(start, first)
        while sequence <= end {
            if let message = stored[sequence], filter.matches(message.message.subject) { return message }
            sequence += 1
        }
        return nil
    }
}

/// A subject with the wildcards `*` (one token) and `>` (one or more tokens, at the end).
struct SubjectFilter {
    private let tokens: [[UInt8]]
    private let text: String
    private let hasWildcard: Bool

    init(_ text: String) {
        self.text = text
        tokens = Self.tokens(of: text)
        hasWildcard = tokens.contains { $0 == [UInt8(ascii: "*")] || $0 == [UInt8(ascii: ">")] }
    }

    /// The subject itself, when it has no wildcard.
    var literal: String? { hasWildcard ? nil : text }

    func matches(_ subject: String) -> Bool {
        let other = Self.tokens(of: subject)
        for (index, token) in tokens.enumerated() {
            if token == [UInt8(ascii: ">")] { return other.count > index }
            guard index < other.count, token == [UInt8(ascii: "*")] || token == other[index] else { return false }
        }
        return other.count == tokens.count
    }

    private static func tokens(of text: String) -> [[UInt8]] {
        text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { Array($0) }
    }
}
