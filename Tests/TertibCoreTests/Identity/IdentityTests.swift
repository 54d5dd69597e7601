import Testing
import TertibCore

@Suite("Identities compare by bytes and refuse what no database or subject can carry")
struct IdentityTests {
    @Test("Canonically equivalent ids are two ids, in equality, hash and order")
    func canonicalEquivalence() throws {
        let composed = try AggregateID("\u{e9}")
        let decomposed = try AggregateID("e\u{301}")
        #expect(composed.text == decomposed.text, "Swift's String takes them for one")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(decomposed < composed)
    }

    @Test("An aggregate id is 1 to 128 bytes of UTF-8 without U+0000")
    func aggregateIDLimits() throws {
        #expect(throws: IdentityError.self) { try AggregateID("") }
        #expect(throws: IdentityError.self) { try AggregateID("a\0b") }
        #expect(throws: IdentityError.self) { try AggregateID(String(repeating: "\u{fc}", count: 65)) }
        _ = try AggregateID(String(repeating: "\u{fc}", count: 64))
        _ = try AggregateID("a b/\u{fc}*.>\n")
    }

    @Test("A type matches [a-z][a-z0-9_-]{0,62}", arguments: ["Product", "1product", "", "a.b", "\u{e9}", "-a"])
    func badTypes(text: String) {
        #expect(throws: IdentityError.self) { try AggregateType(text) }
    }

    @Test("TYPE/ID is split at the first slash, and the id is raw")
    func parsing() throws {
        let aggregate = try Aggregate(parsing: "file/Sources/a b.swift")
        #expect(aggregate.type.text == "file")
        #expect(aggregate.id.text == "Sources/a b.swift")
        #expect(aggregate.description == "file/Sources/a b.swift")
        #expect(throws: IdentityError.self) { try Aggregate(parsing: "product") }
        #expect(throws: IdentityError.self) { try Aggregate(parsing: "product/") }
    }

    @Test("Event ids have 1 to 256 bytes and no control characters")
    func eventIDs() throws {
        #expect(throws: IdentityError.self) { try EventID("") }
        #expect(throws: IdentityError.self) { try EventID("a\r\nb") }
        #expect(throws: IdentityError.self) { try EventID("a\u{85}b") }
        #expect(throws: IdentityError.self) { try EventID(String(repeating: "a", count: 257)) }
        _ = try EventID(String(repeating: "a", count: 256))
    }

    @Test("A numeric stream name is refused: it could be taken for a number in an acknowledgement")
    func streamNames() throws {
        #expect(throws: IdentityError.self) { try StreamName("42") }
        #expect(throws: IdentityError.self) { try StreamName("a.b") }
        _ = try StreamName("SHOP_1")
    }
}

@Suite("Aggregate versions are contiguous and bounded")
struct AggregateVersionTests {
    @Test(
        "The wire form is [1-9][0-9]{0,15} and at most 2^53 - 1",
        arguments: [
            "+5", "05", " 5", "5 ", "-1", "0", "1.5", "1e3", "", "\u{0665}", "9007199254740992",
            "99999999999999999999999",
            "9223372036854775808",
        ])
    func refused(text: String) {
        #expect(AggregateVersion(wire: text) == nil)
    }

    @Test("The limits are accepted")
    func accepted() {
        #expect(AggregateVersion(wire: "1") == .first)
        #expect(AggregateVersion(wire: "9007199254740991") == .highest)
    }

    @Test("The highest version has no next one, and following it does not overflow")
    func highest() {
        #expect(AggregateVersion.highest.next == nil)
        #expect(AggregateVersion.none.previous == nil)
        #expect(!AggregateVersion.none.follows(.highest))
    }
}

@Suite("Times are read and written as RFC 3339")
struct TimestampTests {
    @Test(
        "Known times",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-03-01T12:00:00.5+01:00", 1_772_362_800_500_000),
            ("2000-02-29T23:59:59.999999Z", 951_868_799_999_999), ("1969-12-31T23:59:59.999999Z", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
        ] as [(String, Int64)])
    func known(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(
        "Bad times",
        arguments: [
            "", "2026-03-01", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-03-01T24:00:00Z",
            "2026-03-01T00:00:00", "2026-03-01T00:00:00.Z", "2026-03-01T00:00:00+1:00", "2026-03-01T00:00:00Z ",
        ])
    func bad(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test("What is written is read back, over three centuries of seeded times")
    func roundTrip() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            let time = Timestamp(
                microseconds: Int64.random(in: -3_000_000_000_000_000...7_000_000_000_000_000, using: &generator))
            #expect(Timestamp(rfc3339: time.description) == time)
        }
    }
}
