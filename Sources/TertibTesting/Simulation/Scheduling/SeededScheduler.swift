import Foundation
import TertibRuntime

/// Runs tasks and transactions one at a time, and decides from a seed who goes on next.
///
/// Tasks run on the ``Lane``s; a transaction's body, which cannot be suspended, has a thread, and the baton goes round:
/// exactly one thread runs at any moment, so everything that happens is decided here. When nobody can go on, the time
/// moves to the next deadline.
///
/// `@unchecked Sendable`: only the thread that has the baton touches the state.
final class SeededScheduler: @unchecked Sendable {
    /// How the seed's choices are weighed.
    struct Character: Sendable {
        /// The chance that a transaction goes on at a step without anybody else being asked.
        var stickiness = 0.0
        /// The chance that a step of a transaction takes a few milliseconds, in which others get their turn.
        var slowness = 0.0
        /// The chance that time moves on although somebody could go on.
        var haste = 0.0
    }

    private let decisions: DecisionStream
    private(set) var lanes: [Lane] = []
    private(set) var now: Duration = .zero
    private(set) var steps = 0
    /// The lane of what runs.
    private(set) var current = 0
    var character: Character
    /// Whether every wait ends, because the run is being given up.
    private(set) var isEnding = false
    /// Whether the run is left as it is, because nothing ends it.
    private(set) var isAbandoned = false
    /// After so many choices a run is given up: it would never come to an end.
    var stepLimit = 3_000_000

    private var jobs: [(lane: Lane, job: UnownedJob)] = []
    private var fibers: [Fiber] = []
    /// The transaction that runs.
    private var running: Fiber?
    private var timers = TimerQueue()
    private var idle: [BatonThread] = []
    private let driver = BatonThread()
    private var isComplete: () -> Bool = { true }
    private var onStandstill: () -> Void = {}

    init(decisions: DecisionStream, character: Character = Character()) {
        self.decisions = decisions
        self.character = character
    }

    func addLane(_ name: String) -> Lane {
        let lane = Lane(number: lanes.count, name: name, scheduler: self)
        lanes.append(lane)
        return lane
    }

    func enqueue(_ job: UnownedJob, on lane: Lane) {
        jobs.append((lane, job))
    }

    // MARK: - Time

    /// Has `action` called at a moment; it may resume a continuation.
    /// - Returns: a number to cancel it by.
    func schedule(at deadline: Duration, _ action: @escaping () -> Void) -> Int {
        timers.insert(at: deadline, action)
    }

    /// - Returns: whether it was still to come.
    func cancelTimer(_ number: Int) -> Bool { timers.remove(number) }

    // MARK: - The run

    /// Takes the calling thread until `isComplete`. `onStandstill` is called when nobody can ever go on; then it has to
    /// make somebody go on, or every wait ends.
    func run(until isComplete: @escaping () -> Bool, onStandstill: @escaping () -> Void) {
        self.isComplete = isComplete
        self.onStandstill = onStandstill
        loop(on: driver, until: nil)
        for thread in idle where thread !== driver {
            thread.isDismissed = true
            thread.wake()
        }
        idle = []
        running = nil  // its body holds the database, which reports to the world, which holds this
        self.isComplete = { true }
        self.onStandstill = {}
    }

    /// Gives the run up: whoever waits for a row stops waiting.
    func giveUp() { isEnding = true }

    private enum Choice {
        case job(lane: Lane, UnownedJob)
        case fiber(Fiber)
        case over
    }

    /// Runs what is chosen, until `fiber` is: then its body goes on. Without a fiber until the run is over.
    private func loop(on thread: BatonThread, until fiber: Fiber?) {
        while true {
            switch choose(ahead: fiber) {
            case .job(let lane, let job):
                current = lane.number
                lane.run(job)
            case .fiber(let chosen) where chosen === fiber:
                current = chosen.lane
                return
            case .fiber(let chosen) where chosen.thread == nil && fiber == nil:
                begin(chosen, on: thread)
            case .fiber(let chosen):
                pass(to: chosen, from: thread, isIdle: fiber == nil)
                if fiber != nil { return }
                if thread.isDismissed { return }
                if let assignment = thread.assignment {
                    thread.assignment = nil
                    begin(assignment, on: thread)
                }
            case .over:
                if thread === driver { return }
                idle.append(thread)
                idle.removeAll { $0 === driver }
                driver.wake()
                thread.standStill()
                return
            }
        }
    }

    private func begin(_ fiber: Fiber, on thread: BatonThread) {
        fiber.thread = thread
        current = fiber.lane
        running = fiber
        fiber.body()
        fibers.removeAll { $0 === fiber }
    }

    private func pass(to fiber: Fiber, from thread: BatonThread, isIdle: Bool) {
        let target: BatonThread
        if let own = fiber.thread {
            target = own
        } else {
            target = idle.popLast() ?? startThread()
            fiber.thread = target
            target.assignment = fiber
        }
        current = fiber.lane
        if isIdle { idle.append(thread) }
        target.wake()
        thread.standStill()
    }

    private func startThread() -> BatonThread {
        let baton = BatonThread()
        let thread = Thread { [self] in
            baton.standStill()
            if let assignment = baton.assignment {
                baton.assignment = nil
                begin(assignment, on: baton)
                loop(on: baton, until: nil)
            }
        }
        thread.stackSize = 4 << 20
        thread.name = "tertib.simulation"
        thread.start()
        return baton
    }

    // MARK: - Choosing

    private func choose(ahead fiber: Fiber?) -> Choice {
        while true {
            steps += 1
            if steps > stepLimit {
                isEnding = true
                isAbandoned = steps > 2 * stepLimit
            }
            fireDueTimers()
            if isAbandoned || (isComplete() && fibers.isEmpty) { return .over }
            let ready = candidates(ahead: fiber)
            if ready.isEmpty {
                if !advance() { standStill() }
                continue
            }
            if ready.count == 1, character.haste == 0 { return take(ready[0]) }
            if decisions.happens(character.haste), advance() { continue }
            return take(ready[decisions.choose(among: ready.count)])
        }
    }

    /// Who can go on, as positions: fibers first, the one that asks ahead of all, then jobs.
    private func candidates(ahead fiber: Fiber?) -> [Int] {
        var found: [Int] = []
        found.reserveCapacity(fibers.count + jobs.count)
        for (index, other) in fibers.enumerated() where lanes[other.lane].pausedUntil <= now && other.isReady {
            if other === fiber { found.insert(index, at: 0) } else { found.append(index) }
        }
        for (index, job) in jobs.enumerated() where job.lane.pausedUntil <= now { found.append(fibers.count + index) }
        return found
    }

    private func take(_ position: Int) -> Choice {
        if position < fibers.count { return .fiber(fibers[position]) }
        let (lane, job) = jobs.remove(at: position - fibers.count)
        return .job(lane: lane, job)
    }

    private func fireDueTimers() {
        while let action = timers.takeFirst(until: now) { action() }
    }

    /// Moves the time to the next deadline, or to the end of the next pause.
    private func advance() -> Bool {
        let pauses = lanes.map(\.pausedUntil).filter { $0 > now }
        guard let next = (pauses + [timers.nextDeadline].compactMap(\.self)).min() else { return false }
        now = max(now, next)
        fireDueTimers()
        return true
    }

    private func standStill() {
        if isEnding { isAbandoned = true }
        let before = (jobs.count, timers.count)
        onStandstill()
        if (jobs.count, timers.count) == before { isEnding = true }
    }
}

// MARK: - Transactions

extension SeededScheduler: MemoryThreads {
    func run(_ body: @escaping @Sendable () -> Void) {
        fibers.append(Fiber(lane: current, body: body))
    }

    /// Nobody else runs, so there is nothing to guard against.
    func guarded<Result>(_ body: () throws -> Result) rethrows -> Result { try body() }

    func wait(until condition: () -> Bool) -> Bool {
        withoutActuallyEscaping(condition) { condition in
            stand { [unowned self] in isEnding || condition() }
        }
        return isEnding && !condition()
    }

    func announce() {}

    /// Thrown into whatever still runs when a run is given up.
    private static let runIsOver = StoreError(
        .unavailable, attempted: "take a step", reason: "the run is given up")

    func step() throws {
        if isEnding { throw Self.runIsOver }
        if decisions.happens(character.slowness) {
            let end = now + .milliseconds(1 + decisions.choose(among: 4))
            _ = timers.insert(at: end) {}
            stand { [unowned self] in isEnding || now >= end }
        } else if decisions.happens(1 - character.stickiness) {
            stand(until: nil)
        }
        if isEnding { throw Self.runIsOver }
    }

    /// The calling transaction stands still until it is chosen again.
    private func stand(until condition: (() -> Bool)?) {
        guard let fiber = running, let thread = fiber.thread else { return }
        fiber.condition = condition
        loop(on: thread, until: fiber)
        fiber.condition = nil
        running = fiber
    }
}
