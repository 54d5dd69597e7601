import Testing

import TertibCore

@Suite("The JSON tokenizer")
struct JSONTokenTests {
    @Test("reports every piece with its bytes, in order")
    func reportsPieces() throws {
        let text = #" {"a": [1.50, -2e3, true, false, null], "b\n": "x"} "#
        let bytes = Array(text.utf8)
        var tokenizer = JSONTokenizer(bytes, depthLimit: 4)
        var pieces: [String] = []
        var kinds: [JSONToken.Kind] = []
        while let token = try tokenizer.next() {
            kinds.append(token.kind)
            pieces.append(String(decoding: bytes[token.range], as: UTF8.self))
        }
        #expect(
            kinds == [
                .beginObject, .key, .beginArray, .number, .number, .true, .false, .null, .endArray, .key, .string,
                .endObject,
            ])
        #expect(
            pieces == [
                "{", #""a""#, "[", "1.50", "-2e3", "true", "false", "null", "]", #""b\n""#, #""x""#, "}",
            ])
    }

    @Test(
        "decodes strings",
        arguments: [
            (#""""#, ""), (#""plain""#, "plain"), (#""é😀""#, "é😀"),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""a\u00e9b\u0000""#, "aéb\u{0}"),
            (#""\ud83d\ude00!""#, "😀!"), (#""\uD834\uDD1E""#, "\u{1D11E}"), (#""e\u0301""#, "e\u{301}"),
        ])
    func decodesStrings(text: String, expected: String) throws {
        let bytes = Array(text.utf8)
        var tokenizer = JSONTokenizer(bytes, depthLimit: 1)
        let token = try #require(try tokenizer.next())
        #expect(Array(token.text(in: bytes).unicodeScalars) == Array(expected.unicodeScalars))
        #expect(try tokenizer.next() == nil)
    }

    @Test("counts lines by line feeds and columns by scalars")
    func countsPositions() {
        let bytes = Array("ab\r\né😀x\n".utf8)
        #expect(TextPosition(of: 0, in: bytes) == TextPosition(line: 1, column: 1))
        #expect(TextPosition(of: 4, in: bytes) == TextPosition(line: 2, column: 1))
        #expect(TextPosition(of: 10, in: bytes) == TextPosition(line: 2, column: 3))
        #expect(TextPosition(of: bytes.count, in: bytes) == TextPosition(line: 3, column: 1))
        #expect(TextPosition(of: 1000, in: bytes) == TextPosition(line: 3, column: 1))
        #expect(TextPosition(line: 2, column: 1) < TextPosition(line: 2, column: 2))
    }
}
