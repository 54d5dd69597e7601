import TertibCore
import TertibRuntime
import Testing

@testable import TertibTesting

@Suite("Crashes at the calls of the ports")
struct CrashingTests {
    @Test("A site has a description that it can be read from", arguments: CrashSite.all)
    func descriptions(site: CrashSite) {
        #expect(CrashSite("\(site)") == site)
        #expect(CrashSite("\(site.call).\(site.side)") == site)
    }

    @Test("What is no site cannot be read", arguments: ["", "aftercommit", "claim", "claim.halfway", "claim.after "])
    func unreadable(text: String) {
        #expect(CrashSite(text) == nil)
    }

    @Test("The named sites are all different, and are all that replay files have named")
    func named() {
        #expect(Set(CrashSite.named.map(\.value)).count == 14)
        #expect(
            CrashSite.names == [
                "afterFetch", "afterBegin", "afterClaim", "afterHandler", "beforeCommit", "commitSent", "afterCommit",
                "midAcknowledge", "midPark", "midDrain", "betweenDrains", "relayAfterClaim", "relayMidPublish",
                "relayAfterPublish",
            ])
    }

    @Test("A store's calls are reported before and after, in order, and a batch's commit as such")
    func order() async throws {
        let sites = Recorder<CrashSite>()
        let store = CrashingStore(MemoryStore()) { site in
            sites.record(site)
            return true
        }
        let consumer = try Sample.consumer()
        let aggregate = try Sample.aggregate("1")
        try await store.transaction { _ = try $0.claim(consumer, [Watermark(aggregate: aggregate)]) }
        try await store.transaction { _ = try $0.parkedCount(consumer) }
        _ = try await store.read { try $0.now() }
        #expect(
            sites.values.map { "\($0.call).\($0.side)" } == [
                "begin.before", "begin.after", "claim.before", "claim.after", "batchCommit.before",
                "batchCommit.halfway", "batchCommit.after", "begin.before", "begin.after", "parkedCount.before",
                "parkedCount.after", "commit.before", "commit.halfway", "commit.after", "read.before", "read.after",
            ])
    }

    @Test("A dead replica's transaction writes nothing although its body swallows the failure, and later calls fail")
    func swallowed() async throws {
        let database = MemoryStore()
        let crash = Crash(at: CrashSite(.claim, .after))
        let store = CrashingStore(database.replica(), isAlive: crash.isAlive)
        let (consumer, aggregate) = (try Sample.consumer(), try Sample.aggregate("1"))
        for _ in 0..<2 {
            let failure = await #expect(throws: StoreError.self) {
                try await store.transaction { transaction in
                    // Swallowed on purpose.
                    _ = try? transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    #expect(transaction.infrastructureFailure?.code == .unavailable)
                }
            }
            #expect(failure?.code == .unavailable)
        }
        await #expect(throws: StoreError.self) { try await store.read { try $0.now() } }
        #expect(try await database.read { try $0.watermark(consumer, of: aggregate) } == nil)
    }

    @Test("A replica that dies in the middle of an answer has sent half of it, and publishes nothing any more")
    func halfAnswer() async throws {
        let broker = MemoryLog(namespace: try Namespace("test"), stream: try StreamName("TEST"))
        let factory = try EventFactory(namespace: "test")
        let aggregate = try Sample.aggregate("1")
        for version in Int64(1)...4 {
            broker.store(try factory.message(aggregate, version: try Sample.version(version)))
        }
        let crash = Crash(at: CrashSite(.answer, .halfway))
        let log = CrashingLog(broker.replica(), isAlive: crash.isAlive)
        let source = try await log.subscribe(Subscription(durableName: "d", storeID: "s"))
        let deliveries = try await source.next(upTo: 4, waiting: .zero)
        #expect(deliveries.count == 4)
        await source.answer(.acknowledge, to: deliveries)
        #expect(try await broker.consumerState("d")?.acknowledgementPending == 2)
        await source.answer(.acknowledge, to: deliveries)
        #expect(try await broker.consumerState("d")?.acknowledgementPending == 2)
        let outcome = await log.publish(deliveries[0].message, expecting: .any)
        guard case .unknown = outcome else {
            Issue.record("it is \(outcome)")
            return
        }
        #expect(try await broker.state().messages == 4)
        await #expect(throws: EventLogError.self) { _ = try await log.state() }
    }
}
