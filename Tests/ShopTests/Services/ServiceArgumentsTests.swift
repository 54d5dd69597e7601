import ShopService
import Testing

@Suite("The arguments of a service")
struct ServiceArgumentsTests {
    @Test("are read, whatever their order")
    func reads() throws {
        let words = ["--supervised", "--seed", "9", "--load", "500", "--config", "a.json", "--rate", "40"]
        let arguments = try #require(try ServiceArguments.parse(words))
        #expect(arguments.configuration == "a.json")
        #expect(arguments.load == 500)
        #expect(arguments.seed == 9)
        #expect(arguments.rate == 40)
        #expect(arguments.isSupervised)
    }

    @Test(
        "are refused when they make no sense",
        arguments: [
            [], ["--config"], ["--config", "a.json", "--load", "many"], ["--config", "a.json", "--seed", "-1"],
            ["--config", "a.json", "--rate", "0"], ["--config", "a.json", "--way", "x"],
            ["--config", "a.json", "extra"],
        ])
    func refuses(words: [String]) {
        #expect(throws: ServiceArguments.Unusable.self) { try ServiceArguments.parse(words) }
    }

    @Test("may ask for help")
    func help() throws {
        #expect(try ServiceArguments.parse(["--load", "--help"]) == nil)
    }
}
