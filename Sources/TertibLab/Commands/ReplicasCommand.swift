import ArgumentParser
import Foundation
import TertibTerminal

/// `tertib-lab replicas`
struct ReplicasCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replicas", abstract: "The experiment: what replicas do to a copy, with and without Tertib.",
        discussion: """
            Every cell of a grid (replicas x fault profile x way to keep a copy) runs with real processes on a \
            nats-server and a SQLite database of its own. When it has come to rest, the copy is compared with its \
            owner's rows.

              tertib-lab replicas                                   # some minutes
              tertib-lab replicas --quick                           # a small grid
              tertib-lab replicas --profiles duplicates,kill --plot plot.svg --json

            Profiles: \(FaultProfile.allCases.map(\.rawValue).joined(separator: ", ")).

            It ends with 0 when no cell of Tertib has anything wrong, and with 1 otherwise.
            """)

    @Option(
        name: .long, help: ArgumentHelp("Numbers of replicas, each from 1 to 16.", valueName: "n,n"),
        transform: NumberList.init)
    var replicas: NumberList?

    @Option(
        name: .long, help: ArgumentHelp("Fault profiles; all when left out.", valueName: "name,name"),
        completion: .list(FaultProfile.allCases.map(\.rawValue)), transform: ProfileList.init)
    var profiles: ProfileList?

    @Option(name: .long, help: ArgumentHelp("What load and faults are drawn from.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(name: .long, help: ArgumentHelp("Events of each cell, from 100 to 100,000.", valueName: "n"))
    var events = 1000

    @Flag(name: .long, help: "A small grid: 1 and 4 replicas, three profiles.")
    var quick = false

    @OptionGroup
    var broker: BrokerOption

    @Option(
        name: .long, help: ArgumentHelp("Write the picture.", valueName: "file.svg"),
        completion: .file(extensions: ["svg"]))
    var plot: String?

    @Option(
        name: .long, help: ArgumentHelp("Write the page of the documentation.", valueName: "file.md"),
        completion: .file(extensions: ["md"]))
    var page: String?

    @OptionGroup
    var result: ResultOptions

    func validate() throws {
        guard (100...100_000).contains(events) else {
            throw ValidationError("--events takes a number from 100 to 100,000.")
        }
        guard page == nil || plot != nil else {
            throw ValidationError("--page shows the picture: name it with --plot too.")
        }
    }

    func run() async throws {
        let console = Console.standard
        try OutputFile.check("--plot", plot)
        try OutputFile.check("--page", page)
        let status = StatusLine(console: console, isSilent: result.json)
        let report = try await report(status)
        status.finish()
        try result.write(encoding: report, lines: report.table.lines, to: console)
        var isRight = report.isRight
        if let plot { isRight = OutputFile.isWritten(report.picture, to: plot, console) && isRight }
        if let page, let plot {
            let text = report.page(picture: OutputFile.path(of: plot, from: page))
            isRight = OutputFile.isWritten(text, to: page, console) && isRight
        }
        if !isRight { throw ExitStatus.wrong.code }
    }

    private func report(_ status: StatusLine) async throws -> ExperimentReport {
        defer { status.finish() }
        let options = ExperimentOptions(
            replicas: replicas?.numbers ?? (quick ? [1, 4] : [1, 2, 4, 8]),
            profiles: profiles?.profiles ?? (quick ? [.none, .shuffle16, .duplicates] : FaultProfile.allCases),
            seed: seed, events: events,
            broker: try broker.program(in: ProcessInfo.processInfo.environment),
            program: Programs.own())
        let experiment = Experiment(options) { progress in
            status.show("\(progress.done) of \(progress.total)  \(progress.cell)", phase: progress.cell)
        }
        guard let report = try await Interruption.cancelling({ try await experiment.run() }) else {
            throw Failure.interrupted(
                "the experiment was interrupted", next: "Run it again, with --quick for a small grid.")
        }
        return report
    }
}

/// `1,2,4,8`
struct NumberList {
    let numbers: [Int]

    /// - Throws: `ValidationError` with what it has to look like.
    init(_ argument: String) throws {
        let words = argument.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = words.compactMap { Int($0) }
        guard numbers.count == words.count, numbers.allSatisfy((1...16).contains) else {
            throw ValidationError("write numbers from 1 to 16 with commas between them, such as 1,4.")
        }
        self.numbers = Array(Set(numbers)).sorted()
    }
}

/// `none,shuffle-16`
struct ProfileList {
    let profiles: [FaultProfile]

    /// - Throws: `ValidationError` with the names that there are.
    init(_ argument: String) throws {
        let words = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        if let unknown = words.first(where: { FaultProfile(rawValue: $0) == nil }) {
            let names = FaultProfile.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no profile \"\(unknown)\"; the profiles are \(names), with commas between.")
        }
        profiles = FaultProfile.allCases.filter { words.contains($0.rawValue) }
    }
}

extension ExperimentReport {
    /// What people see.
    fileprivate var table: Table {
        var table = Table([
            .text("fault"), .text("how"), .number("replicas"), .number("wrong rows"), .number("lost"),
            .number("twice"), .number("stuck"), .number("coming again"), .number("redeliveries"), .number("seconds"),
        ])
        for profile in profiles {
            for mode in ExperimentMode.allCases {
                for cell in row(mode, profile) {
                    let isRight = cell.inconsistentRows == 0
                    table.add([
                        .init(profile.name), .init(mode.name, .bold), .init(Words.count(cell.replicas)),
                        .init("\(cell.inconsistentRows) of \(cell.rows)", isRight ? .good : .bad),
                        .init(Words.count(cell.lostEvents)), .init(Words.count(cell.appliedTwice)),
                        .init(Words.count(cell.stuckAggregates)), .init(Words.count(cell.stuckDeliveries)),
                        .init("\(cell.redeliveriesPerEvent)"), .init(cell.secondsToRest.map { "\($0)" } ?? "never"),
                    ])
                }
            }
        }
        return table
    }
}
