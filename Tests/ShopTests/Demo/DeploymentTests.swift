import Tertib
import TertibLab
import Testing

@testable import ShopDemo

@Suite("The JSON files of the shop")
struct DeploymentTests {
    @Test("have the consumers and the aggregates that the demo runs with", arguments: Role.services)
    func agreeWithTheDemo(role: Role) throws {
        let deployed = try ServiceConfiguration.load(try Repository.file("deploy/shop/\(role.rawValue).json"))
        let text = Workspace.configuration(
            of: role, brokerURL: "nats://127.0.0.1:4222", store: DemoDatabases.file(of: role))
        let demo = try ServiceConfiguration.read(Array(text.utf8), file: "demo.json", directory: "/tmp")
        #expect(deployed.service == demo.service)
        #expect(deployed.stream == demo.stream)
        #expect(deployed.publishes == demo.publishes)
        #expect(deployed.consumers.mapValues(\.aggregates) == demo.consumers.mapValues(\.aggregates))
    }

    @Test("for PostgreSQL differ in the store alone", arguments: Role.services)
    func onlyTheStore(role: Role) throws {
        let sqlite = try ServiceConfiguration.load(try Repository.file("deploy/shop/\(role.rawValue).json"))
        let postgres = try ServiceConfiguration.load(try Repository.file("deploy/shop/postgres/\(role.rawValue).json"))
        func others(_ configuration: ServiceConfiguration) -> [String] {
            let others = configuration.settings.filter { !$0.path.hasPrefix("$.store.") && $0.path != "$.$schema" }
            return others.map { "\($0.path) = \($0.value)" }
        }
        #expect(others(sqlite) == others(postgres))
        #expect(others(postgres).count > 10)
        guard case .postgres(let url, nil) = postgres.store else {
            Issue.record("\(postgres.store)")
            return
        }
        #expect(url.url.hasSuffix("@127.0.0.1:5432/\(role.rawValue)"))
    }
}
