import TertibTesting

/// One run of either engine, as it is told and printed.
struct SimulatedRun {
    /// What it was drawn from; `nil` for one that was replayed step by step.
    var seed: UInt64?
    /// The small world it went through (explorer).
    var world: String?
    /// The call that was made to fail (`--every-call`).
    var call: Disturbance?
    /// The hash of its trace, in hexadecimal.
    let trace: String
    /// How many choices or steps there were.
    let steps: Int
    /// How long it took in virtual time; `nil` in a world that has no clock.
    var duration: Duration?
    /// What the oracles found.
    let violations: [String]
    /// What happened, a line each; `nil` when it was not asked for.
    var timeline: [String]?

    /// A member of the document: always the same keys.
    var document: JSONValue {
        .object([
            "seed": .number(seed), "world": .text(world), "call": call.map(\.document) ?? .null,
            "trace": .string(trace), "steps": .number(steps),
            "violations": .array(violations.map { .string($0) }),
            "timeline": timeline.map { .array($0.map { .string($0) }) } ?? .null,
        ])
    }

    /// What stands for it where several runs are listed.
    var title: String {
        [call.map(\.sentence) ?? seed.map { "seed \($0)" }, world].compactMap(\.self).joined(separator: ", ")
    }

    /// The run from its beginning to its end, with these lines of what happened.
    func lines(telling told: [String], for terminal: Terminal) -> [String] {
        var lines = [SafeText.escaped(title)]
        let width = String(told.count).count
        for (index, line) in told.enumerated() {
            let number = String(index + 1)
            let start =
                duration == nil ? "  " + String(repeating: " ", count: width - number.count) + number + "  " : ""
            lines.append(start + SafeText.escaped(line))
        }
        lines += violations.map { TextStyle.bad.apply("wrong: ", on: terminal) + SafeText.escaped($0) }
        let length =
            duration.map { "\(Words.count(steps, "choice")) in \(Words.duration($0)) of virtual time" }
            ?? Words.count(steps, "step")
        return lines + ["\(length), trace \(trace)"]
    }
}

extension SimulatedRun {
    /// A run of the runtime.
    /// - Parameters:
    ///   - isCall: Whether it was made to fail at one call, which its plan ends with.
    ///   - keepsTimeline: Whether what happened is part of it.
    init(_ outcome: SimulationOutcome, isCall: Bool = false, keepsTimeline: Bool = false) {
        self.init(
            seed: outcome.plan.options.seed, call: isCall ? outcome.plan.disturbances.last : nil,
            trace: String(outcome.traceHash, radix: 16), steps: outcome.steps, duration: outcome.duration,
            violations: outcome.violations.map(\.description), timeline: keepsTimeline ? outcome.timeline : nil)
    }

    /// A schedule of the explorer.
    init(_ walk: ExplorerWalk, seed: UInt64?, timeline: [String]? = nil) {
        self.init(
            seed: seed, world: walk.world.name, trace: String(walk.traceHash, radix: 16), steps: walk.count,
            violations: walk.violation.map { ["\($0)"] } ?? [], timeline: timeline)
    }
}

extension Disturbance {
    /// The call, and how it failed.
    fileprivate var document: JSONValue {
        .object(["kind": .string(kind.rawValue), "nth": .number(nth)])
    }

    /// Which call failed, and how.
    fileprivate var sentence: String {
        let number = nth.map { " \($0)" } ?? ""
        return switch kind {
        case .storeConflict: "step\(number) of a transaction fails as a conflict"
        case .storeAway: "step\(number) of a transaction fails, the database is away"
        case .conflict: "commit\(number) is rolled back as a conflict"
        case .unknownCommitted: "commit\(number) happens, and its caller does not learn it"
        case .unknownRolledBack: "commit\(number) does not happen, and its caller does not learn it"
        case .logAway: "call\(number) to the broker fails"
        default: kind.rawValue + number
        }
    }
}
