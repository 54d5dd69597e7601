/// One operation of the NATS client protocol, as bytes: a line, and the payload that it announces.
///
/// Source: "NATS Protocol", https://docs.nats.io/reference/reference-protocols/nats-protocol.
struct ProtocolOperation {
    /// Everything, line ends included.
    let bytes: [UInt8]
    /// The words of the line.
    let words: [Substring]
    /// How long the line is, with its end.
    let lineLength: Int

    /// The first word in capitals.
    var name: String { words.first?.uppercased() ?? "" }

    /// The subject of what a client publishes; `nil` for other operations.
    var publishedSubject: Substring? {
        ["PUB", "HPUB"].contains(name) && words.count > 1 ? words[1] : nil
    }

    /// The reply subject of a message that a server hands over; `nil` for other operations, and when there is none.
    var replySubject: Substring? {
        switch name {
        case "MSG": words.count == 5 ? words[3] : nil
        case "HMSG": words.count == 6 ? words[3] : nil
        default: nil
        }
    }

    /// The payload, headers included, without its line end.
    var payload: ArraySlice<UInt8> {
        lineLength + 2 <= bytes.count ? bytes[lineLength..<(bytes.count - 2)] : []
    }
}

/// Cuts one direction of a connection into operations.
struct ProtocolSplitter {
    private var rest: [UInt8] = []

    /// Takes what has come, and returns the operations that are complete with it.
    mutating func split(_ bytes: [UInt8]) -> [ProtocolOperation] {
        rest += bytes
        var operations: [ProtocolOperation] = []
        var start = rest.startIndex
        while let lineEnd = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: rest[start..<lineEnd], as: UTF8.self)
            let words = line.split { $0.isWhitespace }
            let end = lineEnd + 1 + Self.payloadLength(words)
            guard end <= rest.endIndex else { break }
            operations.append(
                ProtocolOperation(
                    bytes: Array(rest[start..<end]), words: words, lineLength: lineEnd + 1 - start))
            start = end
        }
        rest.removeFirst(start)
        return operations
    }

    /// With its line end.
    private static func payloadLength(_ words: [Substring]) -> Int {
        guard let name = words.first?.uppercased(), ["PUB", "HPUB", "MSG", "HMSG"].contains(name),
            let length = words.last.flatMap({ Int($0) }), length >= 0
        else { return 0 }
        return length + 2
    }
}
