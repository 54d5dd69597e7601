import Foundation
import Testing

import TertibCore

@Suite("The JSON scanner, on generated texts")
struct JSONScannerPropertyTests {
    @Test("accepts whatever JSONSerialization writes", arguments: 0..<200 as Range<UInt64>)
    func acceptsFoundationsOutput(seed: UInt64) throws {
        var generator = DocumentGenerator(seed: seed)
        let document = generator.value(depth: 6)
        for options in [JSONSerialization.WritingOptions.fragmentsAllowed, [.fragmentsAllowed, .prettyPrinted]] {
            let text = [UInt8](try JSONSerialization.data(withJSONObject: document, options: options))
            try JSONScanner.check(text, depthLimit: 64)
        }
    }

    @Test(
        "accepts whatever JSONSerialization reads, and never traps, when bytes are changed",
        arguments: 0..<40 as Range<UInt64>)
    func survivesMutation(seed: UInt64) throws {
        var generator = DocumentGenerator(seed: seed)
        let original = [UInt8](
            try JSONSerialization.data(withJSONObject: generator.value(depth: 5), options: .fragmentsAllowed))
        for _ in 0..<250 {
            var text = original
            for _ in 0...Int.random(in: 0...2, using: &generator.random) { generator.mutate(&text) }
            let isAccepted = (try? JSONScanner.check(text, depthLimit: 64)) != nil
            // What Foundation reads beyond the RFC is left out of the comparison: it takes other encodings, it skips a
            // byte order mark, and it has been seen to take text with NUL bytes for UTF-16 or UTF-32.
            if isAccepted || text.contains(0) || text.first == 0xEF { continue }
            let foundation = try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
            #expect(foundation == nil, "refused, and read by Foundation: \(String(decoding: text, as: UTF8.self))")
        }
    }

    @Test("refuses every proper prefix of an array")
    func refusesPrefixes() {
        let text = Array(#"[{"a":[1,-2.5e3,"\ud83d\ude00é"],"b":null},true,false,{}]"#.utf8)
        for count in 0..<text.count {
            #expect(throws: JSONSyntaxError.self) { try JSONScanner.check(Array(text[..<count]), depthLimit: 64) }
        }
    }

    @Test("survives arbitrary bytes", arguments: 0..<20 as Range<UInt64>)
    func survivesNoise(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("{}[]\",:\\u0123456789dD8eE+-.truefalsn \n\u{1}é".utf8) + [0xFF, 0xED, 0xF4, 0x80]
        for _ in 0..<500 {
            let text = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                alphabet[Int.random(in: alphabet.indices, using: &random)]
            }
            do {
                try JSONScanner.check(text, depthLimit: 8)
            } catch {
                #expect((0...text.count).contains(error.offset))
            }
        }
    }
}

/// Generates documents and damages their text.
struct DocumentGenerator {
    var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func value(depth: Int) -> Any {
        switch Int.random(in: depth > 0 ? 0...7 : 2...7, using: &random) {
        case 0:
            return (0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth: depth - 1) }
        case 1:
            var object: [String: Any] = [:]
            for _ in 0..<Int.random(in: 0...4, using: &random) { object[text()] = value(depth: depth - 1) }
            return object
        case 2: return Int.random(in: .min ... .max, using: &random)
        case 3: return Double.random(in: -1e10...1e10, using: &random)
        case 4: return Bool.random(using: &random)
        case 5: return NSNull()
        default: return text()
        }
    }

    private mutating func text() -> String {
        let pieces = ["a", "\"", "\\", "/", "\n", "\u{1}", "é", "€", "😀", "\u{2028}", " ", "\u{7F}", "0", "\u{10FFFF}"]
        return (0..<Int.random(in: 0...8, using: &random)).map { _ in
            pieces[Int.random(in: pieces.indices, using: &random)]
        }.joined()
    }

    mutating func mutate(_ text: inout [UInt8]) {
        let position = Int.random(in: 0...text.count, using: &random)
        switch Int.random(in: 0...3, using: &random) {
        case 0 where position < text.count: text[position] = UInt8.random(in: .min ... .max, using: &random)
        case 1 where position < text.count: text.remove(at: position)
        case 2: text.insert(UInt8.random(in: .min ... .max, using: &random), at: position)
        default: text.removeSubrange(position...)
        }
    }
}
