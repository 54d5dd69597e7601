import ArgumentParser
import Foundation
import ModelChecker
import TertibTerminal
import TertibTesting

/// `tertib-lab replay`
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Run a failing run again from its file.",
        discussion: """
            The file is what `simulate` or `explore` has written. A simulated run that still fails is made smaller once \
            more, and the file that it came from is left alone.

              tertib-lab replay tertib-simulation-failure.json
              tertib-lab replay failure.json --trace --json

            It ends with 1 when an oracle objects, and with 0 otherwise.
            """)

    @Argument(help: "The file.", completion: .file(extensions: ["json"]))
    var file: String

    @Flag(name: .long, help: "Print everything that happens, a line each.")
    var trace = false

    @Flag(name: .long, help: "Run it twice, and compare (a simulated run).")
    var twice = false

    @OptionGroup
    var failureFile: FailureFileOption

    @OptionGroup
    var result: ResultOptions

    func run() async throws {
        let console = Console.standard
        try failureFile.check()
        let bytes: [UInt8]
        do {
            bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
        } catch {
            throw unusable(error)
        }
        if Recording.isRecording(bytes) {
            try replayRecording(bytes, console)
        } else {
            try await replayPlan(bytes, console)
        }
    }

    /// Takes the schedule of a file through its world.
    private func replayRecording(_ bytes: [UInt8], _ console: Console) throws {
        if twice {
            throw Failure(
                status: .unusable, code: "arguments", what: "--twice does not go with \(file)",
                why: "it is a schedule of `explore`, step by step, and leaves nothing to chance",
                next: "Leave --twice out.")
        }
        let start = ContinuousClock.now
        let (run, timeline): (SimulatedRun, [String])
        do {
            (run, timeline) = try recorded(bytes)
        } catch {
            throw unusable(error)
        }
        let outcome = SimulationResult(run, after: ContinuousClock.now - start, file: file)
        if !result.json { run.print(timeline, console) }
        try outcome.conclude(result, hasPrintedRuns: true, console)
    }

    private func recorded(_ bytes: [UInt8]) throws -> (run: SimulatedRun, timeline: [String]) {
        let recording = try Recording(json: bytes)
        let replay = try recording.replay()
        let run = SimulatedRun(
            world: recording.world.name, trace: String(replay.traceHash, radix: 16), steps: replay.timeline.count,
            violations: replay.violation.map { ["\($0)"] } ?? [], timeline: trace ? replay.timeline : nil)
        return (run, replay.timeline)
    }

    /// Runs the plan of a simulated run. One that fails is made smaller too.
    private func replayPlan(_ bytes: [UInt8], _ console: Console) async throws {
        let plan: SimulationPlan
        do {
            plan = try SimulationPlan(json: bytes)
        } catch {
            throw unusable(error)
        }
        let start = ContinuousClock.now
        let run = try await Simulation().run(plan, keepsTimeline: true)
        var outcome = SimulationResult(run, after: ContinuousClock.now - start, keepsTimeline: trace)
        if twice {
            let second = try await Simulation().run(plan, keepsTimeline: true)
            if (second.traceHash, second.timeline) != (run.traceHash, run.timeline) {
                outcome.unequal = [plan.options.seed]
            }
        }
        if !run.violations.isEmpty {
            let minimal = try await Simulation().minimise(run)
            if minimal.plan == run.plan {
                outcome.file = file
            } else {
                outcome.minimal = minimal.story.suffix(SimulationResult.storyLimit)
                (outcome.file, outcome.fileFailure) = failureFile.save(try minimal.plan.json, besides: file)
            }
        }
        if !result.json {
            for shown in outcome.runs { shown.print(trace ? run.timeline : run.story, console) }
        }
        try outcome.conclude(result, hasPrintedRuns: true, console)
    }

    private func unusable(_ error: any Error) -> Failure {
        let reason =
            switch error {
            case DecodingError.keyNotFound(let key, _): "it has no \(key.stringValue)"
            case is DecodingError: "it is not the plan of a run"
            case let error as ScenarioError: error.description
            default: error.localizedDescription
            }
        return Failure(
            status: .unusable, code: "replay", what: "\(file) cannot be replayed", why: reason,
            next: "Give a file that `tertib-lab simulate` or `tertib-lab explore` has written.")
    }
}
