import Foundation
import Testing

import TertibCore

@Suite("The JSON scanner")
struct JSONScannerTests {
    @Test(
        "accepts what RFC 8259 allows",
        arguments: [
            "0", "-0", "-0.0", "1e5", "1E+5", "1e-05", "0e0", "0.10", "123456789012345678901234567890", "1e999",
            "true", "false", "null", "\"\"", "\"a\"", "{}", "[]", "[[]]", "[{}]", "{\"a\":{}}", " \t\r\n{ } \n",
            "[1,2 , 3]", "{\"a\":1,\"a\":2}", "{\"\":0}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\\u00e9\\uFFFF\"",
            "\"\\uD83D\\uDE00\"", "\"\\ud800\\udfff\"", "\"é €😀\"", "\"\u{7F}\u{2028}\"", "\"/\"",
            "\"\u{10FFFF}\u{FEFF}\"", "[true,false,null,\"x\",0,-1.5e3,{},[]]", "[[[[[[1]]]]]]",
            "{\"a\" : [ { \"b\" : { } } , [ ] ] }", "\"\\u0022\\u005c\"", "\"\u{D7FF}\u{E000}\"",
        ])
    func accepts(text: String) throws {
        try JSONScanner.check(Array(text.utf8), depthLimit: 64)
    }

    @Test(
        "refuses everything else",
        arguments: [
            "", " ", "\n", "{", "[", "}", "]", "{]", "[}", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1,,2]",
            "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{a:1}", "{1:1}", "{\"a\":1 \"b\":2}",
            "{\"a\"::1}",
            "{'a':1}", "'a'", "{null:1}", "{\"a\":1}}", "[1]]", "[1],", "1 2", "true false", "{} {}", "[] // end",
            "/* */ 1", "#", "01", "-01", "00", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "1e+-1", "0x10", "1_000",
            "NaN", "Infinity", "-Infinity", "--1", "1-", "1..2", "1.2.3", "1e2.5", "tru", "True", "truee", "nul",
            "nulL", "fals", "\"", "\"a", "\"\\", "\"\\\"", "\"\\x41\"", "\"\\u12\"", "\"\\u123", "\"\\u12G4\"",
            "\"\\U0041\"", "\"\\'\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"",
            "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\udfff\\ud800\"", "\"\\udc00\\udc00\"", "\"\\ud800\\u\"", "\"a\nb\"",
            "\"a\tb\"",
            "\"\u{0}\"", "\"\u{1F}\"", "\u{0}", "1\u{0}", "\u{FEFF}1", "\u{A0}1", "1\u{2028}", "\u{C}1", "\u{B}1",
            "é", "[\"a\",é]", "\"a\"b", "[1:2]", "{\"a\",1}", "(1)", "\\", ":", ",", "{:1}", "{\"a\":1:2}", "１", "٣",
        ])
    func refuses(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONScanner.check(Array(text.utf8), depthLimit: 64) }
    }

    @Test(
        "refuses bytes that are not UTF-8, inside strings and outside",
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE1, 0x80], [0xE1, 0x80, 0x41], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80],
            [0xF0, 0x8F, 0xBF, 0xBF], [0xF1, 0x80, 0x80], [0xF1, 0x80, 0x80, 0xC0], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        ] as [[UInt8]])
    func refusesInvalidUTF8(bytes: [UInt8]) {
        for text in [[0x22] + bytes + [0x22], [0x22] + bytes, bytes] {
            #expect(throws: JSONSyntaxError.self) { try JSONScanner.check(text, depthLimit: 64) }
        }
    }

    @Test("accepts the first and the last scalar of every row of the UTF-8 table")
    func acceptsEveryRowOfUTF8() throws {
        for scalar in [0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xCFFF, 0xD000, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF]
            + [0x40000, 0xFFFFF, 0x100000, 0x10FFFF]
        {
            let text = "\"\(try #require(Unicode.Scalar(UInt32(scalar))))\""
            try JSONScanner.check(Array(text.utf8), depthLimit: 64)
        }
    }

    @Test("accepts 64 levels and refuses 65, of arrays and of objects")
    func limitsDepth() throws {
        func arrays(_ depth: Int) -> [UInt8] { Array((repeated("[", depth) + repeated("]", depth)).utf8) }
        func objects(_ depth: Int) -> [UInt8] {
            Array((repeated("{\"a\":", depth) + "1" + repeated("}", depth)).utf8)
        }
        for text in [arrays(64), objects(64)] { try JSONScanner.check(text, depthLimit: 64) }
        for text in [arrays(65), objects(65)] {
            let error = #expect(throws: JSONSyntaxError.self) { try JSONScanner.check(text, depthLimit: 64) }
            #expect(error?.problem == "it nests deeper than 64 levels")
        }
    }

    @Test("remembers which bracket closes which level, at any depth")
    func remembersEveryLevel() throws {
        var random = SeededGenerator(seed: 1)
        for depth in [63, 64, 65, 127, 128, 129, 500] {
            let levels = (0..<depth).map { _ in Bool.random(using: &random) }
            let opening = levels.map { $0 ? "{\"a\":" : "[" }.joined()
            let closing = levels.reversed().map { $0 ? "}" : "]" }
            try JSONScanner.check(Array((opening + "0" + closing.joined()).utf8), depthLimit: depth)
            for level in [0, depth / 2, depth - 1] {
                var wrong = closing
                wrong[level] = wrong[level] == "}" ? "]" : "}"
                #expect(throws: JSONSyntaxError.self) {
                    try JSONScanner.check(Array((opening + "0" + wrong.joined()).utf8), depthLimit: depth)
                }
            }
        }
    }

    @Test("reads 100,000 levels without recursion: refuses them early, or accepts them where the limit allows")
    func doesNotRecurse() throws {
        let open = Array(repeated("[", 100_000).utf8)
        let error = #expect(throws: JSONSyntaxError.self) { try JSONScanner.check(open, depthLimit: 64) }
        #expect(error?.offset == 64)
        try JSONScanner.check(open + Array(repeated("]", 100_000).utf8), depthLimit: 100_000)
    }

    @Test(
        "says what is wrong and where",
        arguments: [
            ("", 0, "it is empty"),
            ("\u{FEFF}{}", 0, "byte order mark"),
            ("[1,]", 3, "expected a value and found a \"]\""),
            ("{\"a\":1,}", 7, "expected a key in double quotes and found a \"}\""),
            ("{'a':1}", 1, "single quote"),
            ("{} // no", 3, "JSON has no comments"),
            ("{} {}", 3, "expected the end, because the value is complete"),
            ("[1", 2, "it ends where a comma or the array's end is expected"),
            ("{\"a\":1]", 6, "expected a comma or the object's end"),
            ("[01]", 1, "superfluous zero"),
            ("[1.]", 3, "expected a digit"),
            ("  \"ab", 2, "the string never ends"),
            ("\"\\ud800\"", 1, "surrogate"),
            ("\"a\u{1}\"", 2, "control character in a string must be escaped: byte 0x01"),
            ("[tru]", 4, "expected true"),
        ])
    func explains(text: String, offset: Int, fragment: String) {
        let error = #expect(throws: JSONSyntaxError.self) {
            try JSONScanner.check(Array(text.utf8), depthLimit: 64)
        }
        #expect(error?.offset == offset)
        #expect(error?.description.contains(fragment) == true, "\(String(describing: error))")
    }

    private func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
}
