import ArgumentParser
import Foundation
import TertibCore
import TertibTerminal
import TertibTesting

/// How many seeded schedules are run, and what is shown of them.
struct ScheduleOptions: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("Seeds from a up to but not including b: one seed is 5..6.", valueName: "a..b"),
        transform: SeedRange.init)
    var seeds: SeedRange?

    @Flag(name: .long, help: "Print everything that happens, a line each (with --seeds).")
    var trace = false

    @Flag(name: .long, help: "Run every seed twice, and compare (with --seeds).")
    var twice = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Fail when a rare branch is reached less often; by default once for every 1,000 seeds.", valueName: "n"))
    var rare: Int?

    @Option(name: .long, help: ArgumentHelp("Threads; as many as the machine has by default.", valueName: "n"))
    var jobs: Int?

    /// The traces of as many runs are some hundred megabytes.
    private static let maximumTraces = 10_000

    func validate() throws {
        guard (1...64).contains(jobs ?? 1) else { throw ValidationError("--jobs takes a number from 1 to 64.") }
        guard rare ?? 0 >= 0 else { throw ValidationError("--rare takes a number from 0.") }
        guard seeds != nil || !twice && !trace else { throw ValidationError("--twice and --trace go with --seeds.") }
    }

    /// Refuses a document that would hold too many traces.
    func validate(json: Bool) throws {
        guard !json || !trace || seeds?.count ?? 0 <= Self.maximumTraces else {
            throw ValidationError(
                "--trace with --json takes at most \(Words.count(Self.maximumTraces)) seeds, which make one document.")
        }
    }

    /// How often each rare branch has to be reached.
    /// - Parameter isPartial: Whether only some of the worlds are run, which need not reach every branch.
    func minimumOfEachBranch(isPartial: Bool = false) -> Int {
        if let rare { return rare }
        // A few seeds do not reach everything.
        return isPartial ? 0 : (seeds?.count ?? 0) / 1000
    }

    /// How many threads.
    var threads: Int { jobs ?? max(1, ProcessInfo.processInfo.activeProcessorCount) }
}

/// `A..B`: from A on, without B.
struct SeedRange: Hashable, Sendable {
    let range: Range<UInt64>

    /// Maximum number of seeds of one run: days of work.
    static let maximum: UInt64 = 1_000_000_000

    /// How many there are.
    var count: Int { Int(clamping: range.upperBound - range.lowerBound) }

    /// Reads what was typed.
    /// - Throws: `ValidationError` with what is wrong with it, and what it has to look like.
    init(_ argument: String) throws {
        let parts = argument.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].isEmpty, let first = UInt64(parts[0]), let end = UInt64(parts[2]) else {
            throw ValidationError(
                "write A..B, two whole numbers up to \(UInt64.max) with two dots between them; B is left out, and one "
                    + "seed is 5..6.")
        }
        guard first < end else {
            let one = min(first, .max - 1)
            throw ValidationError("A must be below B; B is left out, and one seed is \(one)..\(one + 1).")
        }
        guard end - first <= Self.maximum else {
            throw ValidationError(
                "these are \(Words.count(end - first)) seeds, and at most \(Words.count(Self.maximum)) run at once; name "
                    + "a part of them.")
        }
        range = first..<end
    }
}

/// Where a failing run is written.
struct FailureFileOption: ParsableArguments {
    static let defaultPath = "tertib-simulation-failure.json"

    @Option(
        name: .long,
        help: ArgumentHelp("Where a failing run is written; \(Self.defaultPath) by default.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var output: String?

    /// Refuses a path that cannot be written before the work begins.
    func check() throws(Failure) { try OutputFile.check("--output", output) }

    /// Writes a failing run. A run is not lost with its file: the reason why it could not be written follows the result.
    /// - Parameter original: The file it was replayed from, which is overwritten only when `--output` names it.
    func save(_ json: [UInt8], besides original: String? = nil) -> (file: String?, failure: Failure?) {
        var path = output ?? Self.defaultPath
        if let original, output == nil,
            URL(fileURLWithPath: original).standardizedFileURL == URL(fileURLWithPath: path).standardizedFileURL
        {
            path = "smaller-" + path
        }
        do {
            try OutputFile.write(Data(json), to: path)
            return (path, nil)
        } catch {
            var failure = error
            failure.next = "Name another file with --output."
            return (nil, failure)
        }
    }
}
