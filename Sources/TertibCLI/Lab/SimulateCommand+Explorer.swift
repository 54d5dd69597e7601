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
        if trace { return try runTraces(seeds, exploration, console) }
        let bar = ProgressBar("Exploring", unit: "schedules")
        let threads = jobs ?? max(1, ProcessInfo.processInfo.activeProcessorCount)
        let report = try await exploration.run(seeds: seeds.range, twice: twice, jobs: threads) { done in
            bar.update(UInt64(done), of: UInt64(seeds.range.count))
        }
        bar.finish()
        let least = try report.failures.first.map { try ExplorerShrinker.minimise($0.finding) }
        let file = try least.map { try write(try $0.recording.json) }
        let result = ExplorerResult(
            report: report, least: least, file: file, missing: report.branches.vacuous(below: rare))
        if json {
            console.write(result.document)
        } else {
            for line in result.lines(for: console.output) { console.write(line) }
        }
        return result.isRight
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

    private func runTraces(_ seeds: SeedRange, _ exploration: Exploration, _ console: Console) throws -> Bool {
        var isRight = true
        var documents: [JSONValue] = []
        for seed in seeds.range {
            let (walk, timeline) = try exploration.walk(seed: seed)
            isRight = isRight && walk.violation == nil
            if json {
                documents.append(walk.document(seed: seed, timeline: timeline))
            } else {
                tell(Way(walk, "seed \(seed), \(walk.world.name)", timeline), console)
            }
        }
        if json { console.write(documents.count == 1 ? documents[0] : .array(documents)) }
        return isRight
    }

    private func runRecording(_ file: String, _ console: Console) throws -> Bool {
        do {
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
            if RelayRecording.isRecording(bytes) { return try runRelays(try RelayRecording(json: bytes), console) }
            let (walk, timeline) = try ExplorerRecording(json: bytes).replay()
            if json {
                console.write(walk.document(seed: nil, timeline: trace ? timeline : nil))
            } else {
                tell(Way(walk, walk.world.name, timeline), console)
            }
            return walk.violation == nil
        } catch {
            throw Self.unusable(file, error)
        }
    }

    private func runRelays(_ recording: RelayRecording, _ console: Console) throws -> Bool {
        let replay = try recording.replay()
        if json {
            console.write(
                .object(
                    [
                        .init(key: "world", value: .string(recording.world.name)),
                        .init(key: "trace", value: .string(String(replay.traceHash, radix: 16))),
                        .init(key: "steps", value: .number(replay.timeline.count)),
                        .init(key: "violations", value: .array(replay.violation.map { [.string("\($0)")] } ?? [])),
                    ] + (trace ? [.init(key: "timeline", value: .array(replay.timeline.map { .string($0) }))] : [])))
        } else {
            tell(
                Way(
                    title: recording.world.name, timeline: replay.timeline, violation: replay.violation,
                    trace: String(replay.traceHash, radix: 16)), console)
        }
        return replay.violation == nil
    }

    /// A way through a world of whichever kind.
    private struct Way {
        let title: String
        let timeline: [String]
        let violation: ExplorerViolation?
        let trace: String

        init(title: String, timeline: [String], violation: ExplorerViolation?, trace: String) {
            (self.title, self.timeline, self.violation, self.trace) = (title, timeline, violation, trace)
        }

        init(_ walk: ExplorerWalk, _ title: String, _ timeline: [String]) {
            self.init(title: title, timeline: timeline, violation: walk.violation, trace: walk.traceName)
        }
    }

    private func tell(_ way: Way, _ console: Console) {
        console.write(SafeText.escaped(way.title))
        let timeline = way.timeline
        let width = String(timeline.count).count
        for (index, line) in timeline.enumerated() {
            let number = String(index + 1)
            let indent = String(repeating: " ", count: width - number.count)
            console.write("  \(indent)\(number)  " + SafeText.escaped(line))
        }
        if let violation = way.violation {
            console.write(TextStyle.bad.apply("wrong: ", on: console.output) + SafeText.escaped("\(violation)"))
        }
        console.write("\(Words.count(timeline.count, "step")), trace \(way.trace)")
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
        let file = try found.map { try write($0) }
        let result = ExhaustiveResult(outcomes: outcomes, relays: relays, file: file, rare: rare)
        if json {
            console.write(result.document)
        } else {
            for line in result.lines(for: console.output) { console.write(line) }
        }
        return result.isRight
    }
}
