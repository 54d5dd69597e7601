import ShopService

/// Everything about a run that follows from its options alone.
struct DemoPlan: Sendable {
    let workload: Workload
    let faults: FaultPlan
    /// How long the load takes.
    let loadLength: Duration
    /// Steps a second of the catalog's load, in each replica.
    let catalogRate: Int
    /// Steps a second of the orders' load, in each replica.
    let ordersRate: Int

    /// Events a second that two cores apply in comfort.
    private static let comfortableRate = 420

    init(_ options: DemoOptions) {
        workload = Workload(seed: options.seed, events: options.events)
        let seconds = max(3.0, Double(options.events) / Double(Self.comfortableRate))
        loadLength = .seconds(seconds)
        faults = FaultPlan(seed: options.seed, replicas: options.replicas, loadLength: loadLength)
        func rate(_ steps: Int) -> Int { max(1, Int(Double(steps) / seconds / Double(options.replicas))) }
        catalogRate = rate(workload.productCount + workload.priceChangeCount)
        ordersRate = rate(workload.orderCount)
    }
}
