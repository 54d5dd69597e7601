package import TertibRuntime
import TertibConfiguration
package import TertibCore

/// One line of a file to publish: `{"aggregate","type","data","expectedVersion"?}`.
package struct EventLine: Hashable, Sendable {
    /// The line's number, from 1.
    package let number: Int
    package let aggregate: Aggregate
    package let event: NewEvent
    /// The version that the aggregate must have before; `nil` for whichever it has.
    package let expectedVersion: AggregateVersion?
}

/// What is wrong with a line.
package struct LineProblem: Error, Hashable, Sendable {
    package let line: Int
    package let problem: String
}

/// Reads lines strictly: an unknown or repeated key, a wrong type or anything that is no event is an error.
package struct EventLineReader {
    private static let keys = ["aggregate", "type", "data", "expectedVersion"]

    private let bytes: [UInt8]
    private let number: Int
    private var tokenizer: JSONTokenizer
    private var values: [String: Value] = [:]

    private struct Value {
        let token: JSONToken
        /// Where the whole value stands.
        let range: Range<Int>
    }

    private init(_ bytes: [UInt8], number: Int) {
        self.bytes = bytes
        self.number = number
        // An envelope's body may be as deep as the wire allows, and stands one level deeper here.
        tokenizer = JSONTokenizer(bytes, depthLimit: WireCodec.depthLimit + 1)
    }

    /// Reads one line.
    package static func read(_ bytes: [UInt8], number: Int) throws(LineProblem) -> EventLine {
        var reader = EventLineReader(bytes, number: number)
        do {
            try reader.scan()
            return try reader.event()
        } catch let problem as LineProblem {
            throw problem
        } catch let error as JSONSyntaxError {
            throw LineProblem(line: number, problem: "it is not JSON: \(error)")
        } catch let error as PublishingError {
            throw LineProblem(line: number, problem: "\"data\" cannot be published: \(error.reason)")
        } catch {
            throw LineProblem(line: number, problem: "\(error)")
        }
    }

    /// Reads lines; those of white space only are passed over.
    /// - Returns: the events, and what is wrong, each in the order of the lines.
    package static func read(lines text: [UInt8]) -> (events: [EventLine], problems: [LineProblem]) {
        var events: [EventLine] = []
        var problems: [LineProblem] = []
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            do {
                events.append(try read(Array(line), number: index + 1))
            } catch {
                problems.append(error)
            }
        }
        return (events, problems)
    }

    private mutating func scan() throws {
        guard try tokenizer.next()?.kind == .beginObject else { throw problem("it is not a JSON object") }
        while let token = try tokenizer.next(), token.kind == .key {
            let key = token.text(in: bytes)
            guard Self.keys.contains(key) else {
                let near = NearestName.nearest(to: key, among: Self.keys).map { "; did you mean \"\($0)\"?" } ?? ""
                throw problem("it has the unknown key \"\(key.prefix(60))\"\(near)")
            }
            guard values[key] == nil else { throw problem("it has the key \"\(key)\" twice") }
            values[key] = try value()
        }
        guard try tokenizer.next() == nil else { throw problem("there is something behind the object") }
    }

    private mutating func value() throws -> Value? {
        guard let first = try tokenizer.next() else { return nil }
        var depth = Self.step(first)
        var last = first
        while depth > 0, let token = try tokenizer.next() {
            depth += Self.step(token)
            last = token
        }
        return Value(token: first, range: first.range.lowerBound..<last.range.upperBound)
    }

    private static func step(_ token: JSONToken) -> Int {
        switch token.kind {
        case .beginObject, .beginArray: 1
        case .endObject, .endArray: -1
        case .key, .string, .number, .true, .false, .null: 0
        }
    }

    private func event() throws -> EventLine {
        let aggregate = try identity("aggregate") { try Aggregate(parsing: $0) }
        let type = try identity("type") { try EventType($0) }
        guard let data = values["data"] else { throw problem("it lacks \"data\"") }
        return EventLine(
            number: number, aggregate: aggregate, event: try NewEvent(type: type, json: Array(bytes[data.range])),
            expectedVersion: try expectedVersion())
    }

    private func identity<Identity>(_ key: String, _ make: (String) throws -> Identity) throws -> Identity {
        guard let value = values[key] else { throw problem("it lacks \"\(key)\"") }
        guard value.token.kind == .string else { throw problem("\"\(key)\" is not a string") }
        do {
            return try make(value.token.text(in: bytes))
        } catch let error as IdentityError {
            throw problem("\"\(key)\": the \(error)")
        }
    }

    private func expectedVersion() throws -> AggregateVersion? {
        guard let value = values["expectedVersion"], value.token.kind != .null else { return nil }
        let text = String(decoding: bytes[value.range], as: UTF8.self)
        guard value.token.kind == .number, text == "0" || AggregateVersion(wire: text) != nil else {
            throw problem("\"expectedVersion\" is not a whole number from 0 to 2^53 - 1")
        }
        return text == "0" ? AggregateVersion.none : AggregateVersion(wire: text)
    }

    private func problem(_ text: String) -> LineProblem { LineProblem(line: number, problem: text) }
}
