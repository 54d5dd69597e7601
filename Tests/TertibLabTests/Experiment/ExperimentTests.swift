import TestServers
import Testing

@testable import TertibLab

@Suite("The experiment", .serialized)
struct ExperimentTests {
    @Test("the load has every version, is in order when nothing shuffles it, and is the same for the same seed")
    func load() {
        let plain = ExperimentLoad(seed: 5, events: 400, profile: .none)
        #expect(plain.published == plain.history)
        #expect(plain.history.count == 400)
        #expect(plain.owner.count == 20)
        let shuffled = ExperimentLoad(seed: 5, events: 400, profile: .shuffle256)
        #expect(shuffled.history == plain.history)
        #expect(shuffled.published != plain.history)
        #expect(Set(shuffled.published) == Set(plain.history))
        let doubled = ExperimentLoad(seed: 5, events: 400, profile: .duplicates)
        #expect(doubled.published.count > 405)
        #expect(doubled.published == ExperimentLoad(seed: 5, events: 400, profile: .duplicates).published)
        #expect(doubled.published != ExperimentLoad(seed: 6, events: 400, profile: .duplicates).published)
    }

    @Test("a tiny grid: duplicates are applied twice by the last write, stick in the check, and do Tertib no harm")
    func grid() async throws {
        let options = ExperimentOptions(
            replicas: [2], profiles: [.duplicates], seed: 3, events: 200,
            broker: try #require(NatsServer.binaries.first).path, program: try Tool.lab.path())
        let report = try await Experiment(options).run()
        #expect(report.cells.count == 3)
        let lastWrite = try #require(report.row(.lastWriteWins, .duplicates).first)
        #expect(lastWrite.appliedTwice > 0)
        #expect(lastWrite.lostEvents == 0)
        let check = try #require(report.row(.versionCheck, .duplicates).first)
        #expect(check.secondsToRest == nil)
        #expect(check.stuckDeliveries > 0)
        let tertib = try #require(report.row(.tertib, .duplicates).first)
        #expect(tertib.inconsistentRows == 0)
        #expect(tertib.appliedTwice == 0)
        #expect(tertib.secondsToRest != nil)
        #expect(report.isRight)
    }
}
