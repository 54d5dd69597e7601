import Testing

@testable import TertibCore

/// The one JSON document of the project.
struct JSONValueTests {
    @Test(
        "A document survives reading and writing, with the order of its keys and every digit of a whole number",
        arguments: [
            #"{"a":18446744073709551615,"b":-1,"c":1.5,"d":[true,null,"x"],"unknown":{"deep":{}}}"#,
            #"{"z":9007199254740993,"y":-9007199254740993,"x":9223372036854775808,"w":[],"v":""}"#, "[]", "7", "null",
            #""text""#,
        ])
    func survives(text: String) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(value.line == text)
        #expect(String(decoding: value.encoded, as: UTF8.self) == text)
    }

    @Test("A field that is replaced keeps its place, one that is set to null goes, and a new one comes last")
    func fields() throws {
        var value: JSONValue = ["a": 1, "b": 2]
        value["a"] = "x"
        value["c"] = true
        value["b"] = .null
        #expect(value.line == #"{"a":"x","c":true}"#)
        #expect(value["b"] == .null)
        value = 7
        value["a"] = 1
        #expect(value == 7)
    }

    @Test("What is not one JSON value is refused", arguments: ["", "{", "{} {}", "[1,]", #"{"a":01}"#, "\"\u{1}\""])
    func refused(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test("Nesting is limited")
    func depth() {
        let text = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test("A document is JSON whatever is in it, and harmless to a terminal")
    func harmless() {
        let value: JSONValue = [
            "a\"b": .string("\\ \n \u{1B} \u{202E} 👩 \u{E000}"), "n": .number(UInt64.max), "d": .double(.nan),
            "x": .seconds(.milliseconds(1999)), "l": [.null, true, 1],
        ]
        #expect(
            value.line
                == #"{"a\"b":"\\ \n \u001b \u202e 👩 \ue000","n":18446744073709551615,"d":null,"x":1,"l":[null,true,1]}"#
        )
    }

    @Test(
        "What a terminal would obey is shown as an escape",
        arguments: [
            ("plain ü 漢 👩‍👩‍👧", "plain ü 漢 👩‍👩‍👧"), ("\u{1B}[31m", "\\u{1b}[31m"), ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
            ("\u{9B}1m", "\\u{9b}1m"), ("\u{7F}", "\\u{7f}"), ("a\u{202E}b", "a\\u{202e}b"), ("\u{2066}", "\\u{2066}"),
            ("\u{200F}", "\\u{200f}"), ("\u{2028}", "\\u{2028}"), ("\u{FEFF}", "\\u{feff}"), ("\u{E000}", "\\u{e000}"),
            ("क्\u{200D}ष", "क्\u{200D}ष"), ("serv\u{200D}ice", "serv\\u{200d}ice"), ("\u{200C}a", "\\u{200c}a"),
        ])
    func safeText(text: String, safe: String) {
        #expect(SafeText.escaped(text) == safe)
    }
}
