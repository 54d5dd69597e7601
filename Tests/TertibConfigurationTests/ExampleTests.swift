import Foundation
import Testing

@testable import TertibConfiguration

@Suite("The example configurations")
struct ExampleTests {
    static let names = ["minimal.json", "orders.json", "postgres.json", "replica.json", "secured.json"]

    @Test("are those of this list")
    func areListed() throws {
        let folder = Repository.path("deploy/configuration")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".json") }
        #expect(files.sorted() == Self.names)
    }

    @Test("are accepted by the reader and by the schema, and described in the README beside them", arguments: names)
    func areAccepted(name: String) throws {
        let workspace = try Workspace()
        for secret in ["payments.creds", "ca.pem", "payments.pem", "payments.key", "orders.password"] {
            try workspace.write("content", to: "secrets/\(secret)")
        }
        let text = try FileAccess.read(Repository.path("deploy/configuration/\(name)"))
        let copy = try workspace.write(String(decoding: text, as: UTF8.self), to: name)
        #expect(try ServiceConfiguration.load(copy).warnings.isEmpty)
        let schema = SchemaValidator(
            root: try JSONNode.parse(try FileAccess.read(Repository.path("docs/configuration.schema.json"))))
        #expect(try schema.accepts(try JSONNode.parse(text)))
        let readme = try FileAccess.read(Repository.path("deploy/configuration/README.md"))
        #expect(String(decoding: readme, as: UTF8.self).contains("`\(name)`"))
    }

    @Test("name every setting in the full one, with its default")
    func nameEverySetting() throws {
        let workspace = try Workspace()
        let text = try FileAccess.read(Repository.path("deploy/configuration/orders.json"))
        let full = try workspace.read(String(decoding: text, as: UTF8.self))
        let minimal = try workspace.read(Sample.consumer("{}"))
        let given = Dictionary(uniqueKeysWithValues: full.settings.map { ($0.path, $0) })
        let different: Set = ["$.nats.inboxPrefix", "$.consumers.orders.aggregates"]
        let optional: Set = ["$.nats.tls.required"]
        for setting in minimal.settings where setting.origin == .default {
            if optional.union(different).contains(setting.path) { continue }
            #expect(given[setting.path]?.value == setting.value, "\(setting.path)")
            #expect(given[setting.path]?.origin != .default, "\(setting.path)")
        }
    }
}
