import Tertib
import TertibConfiguration
import TertibCore
import TertibLab
import Testing

@testable import ShopDemo

@Suite("The JSON files of the shop")
struct DeploymentTests {
    @Test("have the consumers and the aggregates that the demo runs with", arguments: Role.services)
    func agreeWithTheDemo(role: Role) throws {
        let deployed = try TertibConfiguration.load(try Repository.file("deploy/shop/\(role.rawValue).json"))
        let text = Workspace.configuration(of: role, brokerURL: "nats://127.0.0.1:4222")
        let demo = try TertibConfiguration.read(Array(text.utf8), file: "demo.json", directory: "/tmp")
        #expect(deployed.service == demo.service)
        #expect(deployed.stream == demo.stream)
        #expect(deployed.publishes == demo.publishes)
        #expect(deployed.consumers.mapValues(\.aggregates) == demo.consumers.mapValues(\.aggregates))
    }
}
