import ArgumentParser
import Foundation
import TertibTesting

/// `tertib lab simulate --engine explorer`
extension SimulateCommand {
    /// Whether the file to replay is the explorer's: then it need not be named.
    var isExplorersReplay: Bool {
        // A file that cannot be read is reported by whoever replays it.
        guard let replay, let data = try? Data(contentsOf: URL(fileURLWithPath: replay)) else { return false }
        return ExplorerRecording.isRecording(Array(data)) || RelayRecording.isRecording(Array(data))
    }

    func runExplorer(_ console: Console) async throws -> Bool {
        if let replay { return try runRecording(replay, console) }
        if exhaustive { return try await explore(console) }
        guard let seeds else { return false }
        let exploration = Exploration(worlds: try chosen(from: SmallWorld.shapes))
        let runs = try traces(seeds, exploration, console)
        let bar = ProgressBar("Exploring", unit: "schedules")
        let report = try await exploration.run(seeds: seeds.range, twice: twice, jobs: threads) { done in
            bar.update(UInt64(done), of: UInt64(seeds.count))
        }
        bar.finish()
        var result = SimulationResult(report, rare: leastOfEachBranch)
        result.runs = runs
        if let first = report.failures.first {
            let least = try ExplorerShrinker.minimise(first.finding)
            result.minimal = least.description.split(separator: "\n").map(String.init)
            (result.file, result.fileFailure) = saved(try least.recording.json)
        }
        return conclude(result, console)
    }

    private func chosen(from worlds: [SmallWorld]) throws -> [SmallWorld] {
        let chosen = worlds.filter { isChosen($0.name) }
        if chosen.isEmpty { throw unknownWorld(worlds.map(\.name)) }
        return chosen
    }

    private func isChosen(_ name: String) -> Bool { world.map { name.contains($0) } ?? true }

    private func unknownWorld(_ names: [String]) -> Failure {
        Failure(
            status: .unusable, code: "world", what: "there is no world with \"\(world ?? "")\" in its name",
            why: "the worlds are: " + names.joined(separator: "; "), next: "Name one of them.")
    }

    // MARK: - Single schedules

    private func traces(
        _ seeds: SeedRange, _ exploration: Exploration, _ console: Console
    ) throws -> [SimulatedRun] {
        guard trace else { return [] }
        var runs: [SimulatedRun] = []
        for seed in seeds.range {
            let (walk, timeline) = try exploration.walk(seed: seed)
            let run = SimulatedRun(walk, seed: seed, timeline: json ? timeline : nil)
            if json { runs.append(run) } else { tell(run, timeline, console) }
        }
        return runs
    }

    private func runRecording(_ file: String, _ console: Console) throws -> Bool {
        if twice {
            throw Failure(
                status: .unusable, code: "arguments", what: "--twice does not go with \(file)",
                why: "it is a way that the explorer has gone, step by step, and leaves nothing to chance",
                next: "Leave --twice out, or give --seeds.")
        }
        let start = ContinuousClock.now
        let (run, timeline): (SimulatedRun, [String])
        do {
            (run, timeline) = try recorded(file)
        } catch {
            throw Self.unusable(file, error)
        }
        let result = SimulationResult(run, after: ContinuousClock.now - start, file: file)
        if !json { tell(run, timeline, console) }
        return conclude(result, console)
    }

    /// The way of a file, through a world of whichever kind.
    private func recorded(_ file: String) throws -> (run: SimulatedRun, timeline: [String]) {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
        guard RelayRecording.isRecording(bytes) else {
            let (walk, timeline) = try ExplorerRecording(json: bytes).replay()
            return (SimulatedRun(walk, seed: nil, timeline: trace ? timeline : nil), timeline)
        }
        let recording = try RelayRecording(json: bytes)
        let replay = try recording.replay()
        let run = SimulatedRun(
            world: recording.world.name, trace: String(replay.traceHash, radix: 16), steps: replay.timeline.count,
            violations: replay.violation.map { ["\($0)"] } ?? [], timeline: trace ? replay.timeline : nil)
        return (run, replay.timeline)
    }

    // MARK: - Everything

    private func explore(_ console: Console) async throws -> Bool {
        let worlds = (SmallWorld.explored + (long ? SmallWorld.exploredLong : [])).filter { isChosen($0.name) }
        let relayWorlds = RelayWorld.explored.filter { isChosen($0.name) }
        let count = UInt64(worlds.count + relayWorlds.count)
        if count == 0 { throw unknownWorld(SmallWorld.explored.map(\.name) + RelayWorld.explored.map(\.name)) }
        let bar = ProgressBar("Exploring", unit: "worlds")
        var outcomes: [ExhaustiveSearch.Outcome] = []
        var relays: [RelaySearch.Outcome] = []
        for world in worlds {
            bar.update(UInt64(outcomes.count), of: count)
            var search = try ExhaustiveSearch(world)
            outcomes.append(search.run())
        }
        for world in relayWorlds {
            bar.update(UInt64(outcomes.count + relays.count), of: count)
            var search = try RelaySearch(world)
            relays.append(search.run())
        }
        bar.finish()
        let found =
            try outcomes.compactMap(\.finding).first?.recording.json
            ?? relays.compactMap(\.finding).first?.recording.json
        let (file, failure) = found.map { saved($0) } ?? (nil, nil)
        let result = ExhaustiveResult(outcomes: outcomes, relays: relays, file: file, rare: leastOfEachBranch)
        if json {
            console.write(result.document)
        } else {
            for line in result.lines(for: console.output) { console.write(line) }
        }
        note(failure, console)
        return result.isRight
    }
}
