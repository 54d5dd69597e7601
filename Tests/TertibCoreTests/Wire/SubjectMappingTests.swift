import Testing
import TertibCore

@Suite("An aggregate has exactly one subject")
struct SubjectMappingTests {
    private let mapping: SubjectMapping

    init() throws {
        mapping = SubjectMapping(namespace: try Namespace("shop"))
    }

    @Test("Bytes outside A-Za-z0-9_- are written %XX in upper case")
    func encoding() throws {
        let aggregate = try Aggregate(parsing: "product/a b/\u{fc}*.>")
        #expect(mapping.subject(of: aggregate) == "shop.product.a%20b%2F%C3%BC%2A%2E%3E")
    }

    @Test("Filters match the namespace, or one type of it")
    func filters() throws {
        #expect(mapping.everything == "shop.>")
        #expect(mapping.filter(for: try AggregateType("product")) == "shop.product.>")
    }

    @Test(
        "Every other spelling is refused",
        arguments: [
            "shop.product", "shop.product.1.2", "other.product.1", "shop.Product.1", "shop.product.", "shop.product.%2",
            "shop.product.%2e", "shop.product.%41", "shop.product.%ZZ", "shop.product.%C3", "shop.product.%00",
            "shop.product.\u{e9}", "shop.product.a b", "shop..1", "",
        ])
    func refused(subject: String) {
        #expect(throws: MalformedReason.self) { try mapping.aggregate(of: subject) }
    }

    @Test("Every id comes back from its subject, and every accepted token is the one that its id gives")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 11)
        let alphabet = Array("aZ0_-% ./*>\u{e9}\u{301}\u{1F600}\u{202E}'\u{7f}\n".unicodeScalars)
        for _ in 0..<3000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...12, using: &generator) {
                text.append(alphabet.randomElement(using: &generator) ?? "a")
            }
            let aggregate = Aggregate(type: try AggregateType("product"), id: try AggregateID(String(text)))
            #expect(try mapping.aggregate(of: mapping.subject(of: aggregate)) == aggregate)
        }
        let bytes = Array("%0123456789ABCDEFabz_-.\u{e9}".utf8)
        for _ in 0..<20_000 {
            let token = (0..<Int.random(in: 1...6, using: &generator)).map { _ in
                bytes.randomElement(using: &generator) ?? 0x41
            }
            guard let id = try? SubjectMapping.decode(token) else { continue }
            #expect(Array(SubjectMapping.encode(id).utf8) == token)
        }
    }
}
