import ArgumentParser
import Foundation
import TertibCore
import TertibRuntime
import TertibTerminal

/// `tertib-lab lost-updates`
struct LostUpdatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lost-updates",
        abstract: "Updates that get lost between transactions, and what each policy does about it.",
        discussion: """
            Two classic anomalies, provoked on real databases with a connection for each worker. The transactions \
            overlap by design: all of them have read the row before any of them writes it, except where a lock keeps \
            the others out.

              stateful    an order is NEW; one transaction makes it PAID, and another one CANCELLED. Each has checked \
            that it is NEW.
              stateless   every worker takes one piece from a stock, after a look that there is one left. A quarter \
            more are wanted than there are.

            Each runs with no control (none), and under each policy of `EventBus.update` (version, all-columns, \
            for-update, nowait, serializable), with a conflict thrown or the whole closure run again from the read. \
            Every update that commits writes a row of a ledger in its own transaction, so that what is lost can be \
            counted in the end by plain SQL, from another connection.

              tertib-lab lost-updates                                  # a temporary SQLite file and PostgreSQL server
              tertib-lab lost-updates --store postgresql://lab@127.0.0.1/lab --store sqlite:lab.sqlite
              tertib-lab lost-updates --stock 200 --workers 16 --json

            On a database of yours it makes three tables named tertib_lab_..., and drops them at the end. A password \
            belongs into ~/.pgpass.

            It ends with 0 when no policy has lost anything (what happens under none is the point, not a mistake), and \
            with 1 otherwise.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A database, sqlite:PATH or postgresql://USER@HOST:PORT/DATABASE; may be given several times. Without it a "
                + "temporary SQLite file, and a PostgreSQL server of its own where one is installed.",
            valueName: "store"))
    var store: [String] = []

    @Option(
        name: .long, help: ArgumentHelp("Connections that work at once, from 2 to 32, an even number.", valueName: "n"))
    var workers = 8

    @Option(
        name: .long, help: ArgumentHelp("Orders that two transactions fight for, from 1 to 10,000.", valueName: "n"))
    var orders = 40

    @Option(name: .long, help: ArgumentHelp("Pieces in stock, from 1 to 10,000.", valueName: "n"))
    var stock = 50

    @Option(name: .long, help: ArgumentHelp("Who begins first is drawn from it.", valueName: "n"))
    var seed: UInt64 = 1

    @Flag(name: .long, help: "Leave the tables behind, and say where they are.")
    var keep = false

    @Option(
        name: .long, help: ArgumentHelp("Write the page of the documentation.", valueName: "file.md"),
        completion: .file(extensions: ["md"]))
    var page: String?

    @OptionGroup
    var result: ResultOptions

    func validate() throws {
        guard LostUpdatesOptions.workerRange.contains(workers), workers.isMultiple(of: 2) else {
            throw ValidationError("--workers takes an even number from 2 to 32.")
        }
        guard (1...10_000).contains(orders) else { throw ValidationError("--orders takes a number from 1 to 10,000.") }
        guard (1...10_000).contains(stock) else { throw ValidationError("--stock takes a number from 1 to 10,000.") }
    }

    func run() async throws {
        let console = Console.standard
        try OutputFile.check("--page", page)
        let status = StatusLine(console: console, isSilent: result.json)
        let report = try await report(status)
        status.finish()
        for line in report.notRun { console.note("not run: \(SafeText.escaped(line))") }
        for line in report.kept { console.note("kept: \(SafeText.escaped(line))") }
        result.write(report.document, lines: report.lines, to: console)
        var isRight = report.isRight
        if let page { isRight = OutputFile.isWritten(report.page, to: page, console) && isRight }
        if !isRight { throw ExitStatus.wrong.code }
    }

    private func report(_ status: StatusLine) async throws -> LostUpdatesReport {
        defer { status.finish() }
        let options = LostUpdatesOptions(
            stores: try store.map { try LabStore($0) }, workers: workers, orders: orders, stock: stock, seed: seed,
            keepsTables: keep, environment: ProcessInfo.processInfo.environment)
        let laboratory = LostUpdates(options) { progress in
            let database = progress.cell.prefix { $0 != "," }
            status.show("\(progress.done) of \(progress.total)  \(progress.cell)", phase: String(database))
        }
        guard let report = try await Interruption.cancelling({ try await laboratory.run() }) else {
            throw Failure.interrupted(
                "the laboratory was interrupted", why: "the process was asked to stop; its tables are dropped",
                next: "Run it again, with fewer --orders and a smaller --stock.")
        }
        return report
    }
}

extension LostUpdatesReport {
    /// What `--json` prints.
    var document: JSONValue { .array(cells.map(\.document)) }

    /// What people see.
    func lines(for terminal: Terminal) -> [String] {
        var lines = [
            "\(Words.count(options.workers)) connections at once; \(Words.count(options.orders, "order")) that two "
                + "transactions each change; \(Words.count(options.stock, "piece")) in stock.", "",
        ]
        lines += table.lines(for: terminal)
        lines.append("")
        lines += [
            "lost updates: committed, and not to be seen in the final state. wrong: something is lost, or more was "
                + "taken than there was."
        ]
        if cells.contains(where: { $0.kind == .sqlite }) {
            lines.append(
                "SQLite has one writer at a time, so that inside of one transaction nobody comes between; there, none "
                    + "means that the row is read in one transaction and written in another.")
        }
        let verdict =
            isRight
            ? "No policy has lost anything; without one \(Words.count(lostWithout, "update")) of "
                + "\(Words.count(committedWithout)) \(lostWithout == 1 ? "was" : "were") lost."
            : "\(Words.count(wrong.count, "line")) \(wrong.count == 1 ? "is" : "are") wrong although a policy was "
                + "named: report it with this table."
        return lines + [(isRight ? TextStyle.good : .bad).apply(verdict, on: terminal)]
    }

    private var withoutPolicy: [LostUpdatesCell] { cells.filter { !$0.control.isPromise } }
    private var lostWithout: Int { withoutPolicy.map(\.facts.lost).reduce(0, +) }
    private var committedWithout: Int { withoutPolicy.map(\.committed).reduce(0, +) }

    private var table: Table {
        var table = Table([
            .text("anomaly"), .text("policy"), .text("on conflict"), .text("database"), .number("attempts"),
            .number("conflicts"), .number("retries"), .number("lost updates"), .text("final state"), .text("verdict"),
            .number("ms"),
        ])
        for cell in cells {
            table.add([
                .init(cell.anomaly.rawValue), .init(cell.control.policy.name, .bold),
                .init(cell.control.reaction.rawValue), .init(cell.kind.rawValue), .init(Words.count(cell.attempts)),
                .init(Words.count(cell.conflicts)), .init(Words.count(cell.retries)),
                .init(Words.count(cell.facts.lost), cell.facts.lost == 0 ? .plain : .bad), .init(cell.facts.state),
                .init(cell.isRight ? "right" : "wrong", cell.isRight ? .good : .bad),
                .init("\(Int((cell.seconds * 1000).rounded()))"),
            ])
        }
        return table
    }
}

extension LostUpdatesCell {
    fileprivate var document: JSONValue {
        [
            "store": .string(store), "anomaly": .string(anomaly.rawValue), "policy": .string(control.policy.name),
            "onConflict": .string(control.reaction.rawValue), "attempts": .number(attempts),
            "conflicts": .number(conflicts), "retries": .number(retries), "lostUpdates": .number(facts.lost),
            "negativeStock": .bool(facts.isNegative), "correct": .bool(isRight), "seconds": .double(seconds),
        ]
    }
}
