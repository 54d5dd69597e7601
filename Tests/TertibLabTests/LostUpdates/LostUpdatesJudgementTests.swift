import Dispatch
import Synchronization
import TertibRuntime
import TestServers
import Testing

@testable import TertibLab

@Suite("What the laboratory of lost updates makes of what it finds")
struct LostUpdatesJudgementTests {
    private static let control = UpdateControl(policy: .version, reaction: .retry)

    @Test("everything that was committed and wanted is right")
    func right() {
        #expect(cell(Self.control).isRight)
    }

    @Test(
        "each single defect is wrong",
        arguments: [
            Self.facts(committed: 10, lost: 1), Self.facts(committed: 10, unexplained: 1),
            Self.facts(committed: 10, isNegative: true), Self.facts(committed: 9),
        ])
    func wrong(facts: LostUpdatesFacts) {
        let wrong = cell(Self.control, facts: facts)
        #expect(!wrong.isRight)
        var report = LostUpdatesReport(options: LostUpdatesOptions())
        report.cells = [wrong, cell(Self.control)]
        #expect(!report.isRight)
        #expect(report.wrong == [wrong])
    }

    @Test("who retries has to come to his turn, who throws has not")
    func turns() {
        #expect(!cell(Self.control, committed: 9, facts: Self.facts(committed: 9)).isRight)
        let throwing = UpdateControl(policy: .version, reaction: .throw)
        #expect(cell(throwing, committed: 9, facts: Self.facts(committed: 9)).isRight)
    }

    @Test("what is lost without a policy is no mistake")
    func without() {
        var report = LostUpdatesReport(options: LostUpdatesOptions())
        let none = UpdateControl(policy: .none, reaction: .throw)
        report.cells = [cell(none, facts: Self.facts(committed: 10, lost: 5))]
        #expect(!report.cells[0].isRight)
        #expect(report.isRight)
    }

    @Test("a quarter more is wanted than there is, and everybody wants equally often", arguments: 2...32)
    func takes(workers: Int) {
        for stock in [1, 7, 50, 1000] {
            let options = LostUpdatesOptions(workers: workers, stock: stock)
            #expect(options.takes.isMultiple(of: workers))
            #expect(options.takes > stock)
        }
    }

    @Test(
        "a store that cannot be used is refused before anything runs, without repeating what may be a password",
        arguments: [
            ("mysql://secret@db/shop", "names no database"), ("sqlite:", "no file"), ("sqlite::memory:", "in memory"),
            ("sqlite:/nowhere-at-all/secret.sqlite", "folder that does not exist"), ("sqlite:/proc", "is a folder"),
            ("postgresql://lab:secret@db/shop", "contains a password"), ("secret", "names no database"),
        ])
    func refused(address: String, reason: String) {
        let error = #expect(throws: LabError.self) { try LabStore(address) }
        #expect(error?.isUnusable == true)
        #expect(error?.why.contains(reason) == true, "\(error?.why ?? "")")
        #expect(error.map { !"\($0)".contains("secret") } == true)
    }

    @Test("a build without the database says how to get one with it")
    func notBuilt() {
        let error = #expect(throws: LabError.self) { try LabStore("postgresql://lab@db/lab", built: [.sqlite]) }
        #expect(error?.isUnusable == true)
        #expect(error?.why.contains("without PostgreSQL") == true)
        #expect(error?.advice.contains("--traits") == true)
    }

    @Test("those who meet wait for each other, and for nobody who is accounted for")
    func meeting() async throws {
        let meeting = Meeting(of: 3)
        let arrived = Counter()
        meeting.account(for: 2)
        #expect(!meeting.isComplete)
        try await withThrowingTaskGroup { group in
            for member in 0..<2 {
                group.addTask {
                    try await onThread {
                        try meeting.arrive(member)
                        arrived.raise()
                        #expect(meeting.isComplete)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(arrived.count == 2)
    }

    @Test("who is seen to wait for a lock is not waited for")
    func locked() async throws {
        let meeting = Meeting(of: 4)
        let looks = Counter()
        try await onThread {
            try meeting.arrive(0) { looks.raise() }
        }
        #expect(looks.count == 3)
    }

    private static func facts(
        committed: Int, lost: Int = 0, unexplained: Int = 0, isNegative: Bool = false
    ) -> LostUpdatesFacts {
        LostUpdatesFacts(
            committed: committed, lost: lost, unexplained: unexplained, isNegative: isNegative, left: 0, state: "")
    }

    private func cell(
        _ control: UpdateControl, committed: Int = 10, facts: LostUpdatesFacts = Self.facts(committed: 10)
    ) -> LostUpdatesCell {
        LostUpdatesCell(
            store: "sqlite", kind: .sqlite, anomaly: .stateless, control: control, attempts: 12, committed: committed,
            refused: 2, conflicts: 0, retries: 0, wanted: 10, facts: facts, seconds: 0)
    }
}

/// What several threads count.
private final class Counter: Sendable {
    private let number = Mutex(0)

    var count: Int { number.withLock(\.self) }

    @discardableResult
    func raise() -> Int {
        number.withLock { number in
            number += 1
            return number
        }
    }
}

/// Runs what blocks on a thread of its own.
private func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
    }
}
