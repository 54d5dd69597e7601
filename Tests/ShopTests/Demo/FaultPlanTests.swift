import Testing

@testable import ShopDemo

@Suite("A fault plan")
struct FaultPlanTests {
    @Test("is the same for the same seed, and another one for another")
    func followsTheSeed() {
        func plan(_ seed: UInt64) -> FaultPlan { FaultPlan(seed: seed, replicas: 4, loadLength: .seconds(12)) }
        #expect(plan(5) == plan(5))
        #expect(plan(5) != plan(6))
    }

    @Test("kills a replica of every service and the broker once, while the load lasts", arguments: [1, 2, 4])
    func coversEveryService(replicas: Int) {
        let length = Duration.seconds(12)
        let faults = FaultPlan(seed: 1, replicas: replicas, loadLength: length).faults
        var killed: Set<Role> = []
        var restarts = 0
        for fault in faults {
            #expect(fault.at >= .zero && fault.at <= length)
            switch fault.kind {
            case .kill(let role, let replica):
                killed.insert(role)
                #expect((0..<replicas).contains(replica))
            case .restartBroker:
                restarts += 1
            }
        }
        #expect(killed == Set(Role.services))
        #expect(restarts == 1)
        #expect(faults.map(\.at) == faults.map(\.at).sorted())
    }
}
