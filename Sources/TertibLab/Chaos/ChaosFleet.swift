import Foundation
import Glibc
import Synchronization

/// The replicas: as many as are wanted at the moment, each a process with a link of its own to the broker.
final class ChaosFleet: Sendable {
    private struct State {
        var seats: [Int: ManagedProcess] = [:]
        /// How often a seat was taken.
        var generations: [Int: Int] = [:]
        /// What a seat's next start is to crash at.
        var crashes: [Int: String] = [:]
        var crashed = 0
        var trapped = 0
        /// Those that run short of something, and may end of it.
        var exhausted: Set<String> = []
        /// Until then broker or database may be away.
        var outageEnd = ContinuousClock.now
        var givenUp = 0
        /// Ends that nobody asked for.
        var surprises: [String] = []
        /// Everyone who has ever had a seat.
        var all: [ManagedProcess] = []
        var isEnding = false
    }

    private let options: ChaosOptions
    private let plan: ChaosPlan
    private let workspace: Workspace
    private let tally: Tally
    private let state = Mutex(State())
    private let starts: AsyncStream<ManagedProcess>
    private let starter: AsyncStream<ManagedProcess>.Continuation

    /// The status of a process that has ended itself at a crash point.
    private static let crashStatus: Int32 = 137
    /// What a process ends with that calls `abort`.
    private static let abortStatus = -SIGABRT
    /// So long after an outage a replica may still give up.
    private static let outageGrace: Duration = .seconds(5)
    /// More surprising ends than this say that no replica can run.
    private static let mostSurprises = 40

    init(options: ChaosOptions, plan: ChaosPlan, workspace: Workspace, tally: Tally) {
        self.options = options
        self.plan = plan
        self.workspace = workspace
        self.tally = tally
        (starts, starter) = AsyncStream.makeStream()
    }

    /// Runs whoever has a seat, until ``end()``.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for await process in starts { group.addTask { try await process.run() } }
            while try await group.next() != nil {}
        }
    }

    /// The replica that a plan's number means: one of those that there are.
    func replica(_ number: Int) -> (seat: Int, process: ManagedProcess)? {
        state.withLock { state in
            let seats = state.seats.sorted { $0.key < $1.key }
            guard !seats.isEmpty else { return nil }
            let chosen = seats[number % seats.count]
            return (chosen.key, chosen.value)
        }
    }

    /// How many there are.
    var count: Int { state.withLock { $0.seats.count } }
    /// Those that there are.
    var present: [ManagedProcess] { state.withLock { Array($0.seats.values) } }
    /// Those that still run, the ones that have left included.
    var running: [String] { state.withLock { $0.all.filter { $0.id != nil }.map(\.name) } }
    /// How many crashes at crash points there were.
    var crashed: Int { state.withLock(\.crashed) }
    /// How often a handler has ended its process.
    var trapped: Int { state.withLock(\.trapped) }
    /// How often one ended because database or broker were away.
    var givenUp: Int { state.withLock(\.givenUp) }
    /// What nobody asked for: ends by themselves, and ends after SIGTERM that were not in order.
    var badEnds: [String] { state.withLock { $0.surprises + $0.all.flatMap(\.badEnds) } }

    /// Ends the replica of a seat and starts it again; then it ends itself at a crash point.
    func crash(_ seat: Int, _ process: ManagedProcess, at point: String, restartingAfter pause: Duration) {
        state.withLock { $0.crashes[seat] = point }
        process.kill(restartingAfter: pause)
    }

    /// Broker or database are away, or out of space: a replica that gives up because of it may be asked to end at that
    /// moment.
    func expectOutage(for length: Duration) {
        state.withLock { $0.outageEnd = max($0.outageEnd, .now + length + Self.outageGrace) }
    }

    /// A replica runs short of something, or does not any more; meanwhile it may end in any way.
    func exhaust(_ process: ManagedProcess, _ isExhausted: Bool) {
        state.withLock { state in
            if isExhausted { state.exhausted.insert(process.name) } else { state.exhausted.remove(process.name) }
        }
    }

    /// Sees that there are so many. Of those that go every second one goes by `kill -9`. Returns how many those were.
    @discardableResult
    func scale(to count: Int) throws -> Int {
        while self.count < count { try add() }
        let leaving = state.withLock { state in
            let seats = state.seats.keys.sorted().suffix(max(0, state.seats.count - count))
            return seats.compactMap { state.seats.removeValue(forKey: $0) }
        }
        for (index, process) in leaving.enumerated() {
            if index.isMultiple(of: 2) { process.end() } else { process.killForGood() }
        }
        return leaving.count / 2
    }

    /// SIGTERM for all; ``run()`` returns when they have ended.
    func end() {
        let all = state.withLock { state in
            state.isEnding = true
            return state.seats.values
        }
        for process in all {
            process.resume()
            process.end()
        }
        starter.finish()
    }

    private func add() throws {
        let (seat, generation) = state.withLock { state in
            let seat = (0...).first { state.seats[$0] == nil } ?? 0
            state.generations[seat, default: 0] += 1
            return (seat, state.generations[seat] ?? 1)
        }
        let name = "replica-\(seat + 1).\(generation)"
        var program = ManagedProcess.Program(path: options.program) { [self, arguments = arguments(seat)] _ in
            arguments + crashOption(of: seat)
        }
        program.comesBack = { [self] status in comesBack(status, name) }
        // A replica that is to crash may come to its point while it is asked to end.
        program.isPlanned = { [self] status in
            [Self.crashStatus, Self.abortStatus].contains(status)
                || state.withLock { $0.exhausted.contains(name) || status == 1 && .now < $0.outageEnd }
        }
        let process = try ManagedProcess(
            name: name, program: program, logFile: workspace.path("\(name).log"),
            hear: { [tally] line, start in tally.hear(line, from: name, start: start) })
        state.withLock { state in
            state.seats[seat] = process
            state.all.append(process)
        }
        starter.yield(process)
    }

    private func crashOption(of seat: Int) -> [String] {
        guard let site = state.withLock({ $0.crashes.removeValue(forKey: seat) }) else { return [] }
        return [LabWorker.Option.crash.rawValue, site]
    }

    private func comesBack(_ status: Int32, _ name: String) -> Duration? {
        state.withLock { state in
            switch status {
            case Self.crashStatus: state.crashed += 1
            case Self.abortStatus: state.trapped += 1
            case 1: state.givenUp += 1
            case _ where state.exhausted.contains(name): state.givenUp += 1
            default:
                state.surprises.append("\(name) ended by itself with status \(status)")
                if state.surprises.count > Self.mostSurprises { return nil }
            }
            return .milliseconds(200)
        }
    }

    private func arguments(_ seat: Int) -> [String] {
        // They are done somewhat early rather than late: a killed one plays nothing.
        let seconds = max(1, options.length / .seconds(1))
        let rate = max(1, Int(1.5 * Double(plan.staged) / seconds / Double(options.replicas)))
        return LabWorker.verb + [
            "--config", workspace.path("replica-\(seat + 1).json"), "--supervised",
            LabWorker.Option.attempts.rawValue, workspace.path("attempts-\(seat + 1).log"),
            "--load", "\(plan.staged)", LabWorker.Option.appended.rawValue, "\(plan.appended)",
            "--seed", "\(options.seed)", "--rate", "\(rate)",
        ]
    }
}
