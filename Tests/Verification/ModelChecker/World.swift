package import TertibCore
package import TertibTesting

/// What a small world consists of: everything that has to be known to explore it. A recording contains it in full.
package protocol Scenario: Hashable, Sendable, Codable {
    var name: String { get }
    /// Why it cannot be explored; `nil` if it can.
    var problem: String? { get }
}

/// A scenario or a recording that cannot be explored.
package struct ScenarioError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// A scenario in motion: which steps are possible in a state, and what they make of it.
///
/// The state is a plain value without padding, so that it is copied quickly and its bytes are its fingerprint. What does
/// not fit into bytes (the product's machines, rows and messages) lies in tables of the world, and the state has numbers
/// of theirs; so a world is a class, and used on one thread.
package protocol World: AnyObject, SendableMetatype {
    associatedtype Setup: Scenario
    associatedtype State: BitwiseCopyable
    associatedtype Action: StepAction
    associatedtype Branch: WorldBranch

    /// Prepares a world that all oracles watch, and others that are given.
    /// - Throws: ``ScenarioError`` for a scenario that cannot be explored.
    init(_ setup: Setup, also others: [any Oracle]) throws

    var setup: Setup { get }
    /// Where every schedule begins.
    var initialState: State { get }
    /// The initial state of a schedule that is drawn at random, which goes without some of the faults.
    func initialState(using random: inout SeededGenerator) -> State

    /// Appends the steps that are possible in a state.
    func appendSteps(of state: State, to steps: inout [Step<Action>])
    /// Takes a step that is possible.
    /// - Returns: what an oracle has found.
    func take(_ step: Step<Action>, in state: inout State) -> Violation?
    /// A step in words, as it is about to be taken.
    func describe(_ step: Step<Action>, in state: State) -> String
    /// Counts the rare branches that a step takes; called before the step is taken.
    func count(_ step: Step<Action>, from state: State, in counts: inout BranchCounts)

    /// The one of several interchangeable states that stands for all of them.
    func canonical(_ state: State) -> State
    /// Whether nothing is under way, so that the oracles may judge what is left.
    func isAtRest(_ state: State) -> Bool
    /// Brings a state at rest to its end, without faults, and lets the oracles judge it.
    /// - Returns: what an oracle has found, and the steps that led to it where they matter.
    func checkRest(_ state: State) -> (violation: Violation?, steps: [Step<Action>])
    /// What the oracles say to a run that does not go on as it should.
    func judge(halted reason: String) -> Violation?

    /// Scenarios with one thing less than that of a schedule, each with the steps as they are called there.
    static func smaller(_ setup: Setup, _ steps: [Step<Action>]) -> [(setup: Setup, steps: [Step<Action>])]
    /// The scenario as one of those that a recording may have.
    static func smallWorld(_ setup: Setup) -> SmallWorld
}

extension World {
    package func initialState(using random: inout SeededGenerator) -> State { initialState }

    /// The steps in words, each as it is taken.
    package func timeline(of steps: [Step<Action>]) -> [String] {
        var state = initialState
        return steps.map { step in
            let line = describe(step, in: state)
            _ = take(step, in: &state)
            return line
        }
    }
}

/// The kinds of step of a world.
package protocol StepAction: RawRepresentable<UInt8>, CaseIterable, Hashable, Sendable, BitwiseCopyable {}

/// One step of a world: what is done, by which thread, and with which message where that makes a difference.
package struct Step<Action: StepAction>: Hashable, Sendable, BitwiseCopyable {
    package let action: Action
    package let thread: UInt8
    package let message: UInt8

    package init(_ action: Action, _ thread: Int = 0, message: Int = 0) {
        self.action = action
        self.thread = UInt8(thread)
        self.message = UInt8(message)
    }

    /// A step as recordings have it: `deliver 0 2`.
    package var text: String { "\(action) \(thread) \(message)" }

    /// Reads what ``text`` wrote.
    package init(parsing text: String) throws(ScenarioError) {
        let words = text.split(separator: " ")
        guard words.count == 3, let action = Action.allCases.first(where: { "\($0)" == words[0] }),
            let thread = UInt8(words[1]), let message = UInt8(words[2])
        else { throw ScenarioError("\"\(text)\" is not a step") }
        self.init(action, Int(thread), message: Int(message))
    }
}

/// What happens rarely in a world: an exploration in which it never happens has proved little.
package protocol WorldBranch: RawRepresentable<Int>, CaseIterable, Sendable {}

/// How often each rare branch was taken.
package struct BranchCounts: Hashable, Sendable {
    /// The branches, in the order in which they are listed.
    package private(set) var names: [String]
    private var counts: [Int]

    package init<Branch: WorldBranch>(of branches: Branch.Type) {
        names = branches.allCases.map { "\($0)" }
        counts = Array(repeating: 0, count: names.count)
    }

    package subscript(branch: some WorldBranch) -> Int {
        get { counts[branch.rawValue] }
        set { counts[branch.rawValue] = newValue }
    }

    /// The branches with their counts.
    package var all: [(name: String, count: Int)] { zip(names, counts).map { ($0, $1) } }

    /// The branches that were taken fewer than `times` times.
    package func rarer(than times: Int) -> [String] { all.filter { $0.count < times }.map(\.name) }

    /// Adds the counts of other schedules, or of another kind of world.
    package mutating func add(_ other: BranchCounts) {
        for (name, count) in other.all {
            if let index = names.firstIndex(of: name) {
                counts[index] += count
            } else {
                names.append(name)
                counts.append(count)
            }
        }
    }
}
