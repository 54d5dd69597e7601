import TertibTesting

/// One page about one run of the chaos: the verdict, a picture, numbers. It needs nothing but itself.
struct ChaosPage {
    let report: ChaosReport
    let timeline: ChaosTimeline

    /// The document.
    var document: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Chaos, seed \(report.seed)</title>
        <style>
        \(Self.style)
        </style>
        </head>
        <body>
        <h1>Chaos, seed \(report.seed)</h1>
        <p class="\(report.isRight ? "good" : "bad")">\(verdict)</p>
        <p>\(summary)</p>
        \(violations)
        <figure>
        \(TimelinePicture(timeline: timeline).document)</figure>
        <div class="tables">
        \(table("Faults", report.faultRows))
        \(table("Deliveries", report.outcomeRows))
        </div>
        <h2>Not run</h2>
        <ul>\(report.notRun.map { "<li>\(SVG.escaped($0))</li>" }.joined())</ul>
        <p class="note">Run it again: <code>\(report.command)</code>. The same seed and options give the same load and the
        same faults; what the machine makes of them differs from run to run.</p>
        </body>
        </html>

        """
    }

    private var verdict: String {
        report.interrupted
            ? "Stopped before its end: nothing was compared."
            : report.isRight
                ? "Nothing is lost, nothing is applied twice, nothing is out of order."
                : "\(report.violationCount) violations."
    }

    private var summary: String {
        let rest = report.secondsToRest.map { "at rest \($0) s after the faults" } ?? "never at rest"
        return
            "\(report.events) events of \(report.aggregates) aggregates, \(report.replicas) replicas at the beginning "
            + "and at the end, \(report.seconds) s in all; \(rest)."
    }

    private var violations: String {
        guard !report.violations.isEmpty else { return "" }
        let items = report.violations.map {
            "<li><b>\(SVG.escaped($0.oracle))</b>: \(SVG.escaped($0.statement))</li>"
        }
        return "<ul>\(items.joined(separator: "\n"))</ul>"
    }

    private func table(_ title: String, _ rows: [(name: String, count: Int)]) -> String {
        let lines = rows.map { "<tr><th>\(SVG.escaped($0.name))</th><td>\($0.count)</td></tr>" }
        return "<table><caption>\(title)</caption>\(lines.joined())</table>"
    }

    private static let style = """
        :root { color-scheme: light dark; --ink: #1f2328; --ground: #ffffff; --soft: #59636e; --rule: #d1d9e0; \
        --good: #1a7f37; --bad: #cf222e; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --ground: #0d1117; --soft: #9198a1; \
        --rule: #30363d; --good: #3fb950; --bad: #ff7b72; } }
        body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); \
        max-width: 1140px; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; } .good { color: var(--good); font-weight: 600; } \
        .bad { color: var(--bad); font-weight: 600; }
        figure { margin: 1rem 0; overflow-x: auto; } svg { max-width: 100%; height: auto; }
        .tables { display: flex; flex-wrap: wrap; gap: 2rem; } caption { text-align: left; font-weight: 600; }
        th { text-align: left; font-weight: 400; padding-right: 2rem; } td { text-align: right; \
        font-variant-numeric: tabular-nums; } tr { border-bottom: 1px solid var(--rule); } table { border-collapse: collapse; }
        .note { color: var(--soft); }
        """
}

extension Chaos.Outcome {
    /// The page, as HTML.
    public var page: String { ChaosPage(report: report, timeline: timeline).document }
}

extension ChaosReport {
    /// What was done to them, by name.
    public var faultRows: [(name: String, count: Int)] {
        [
            ("kill -9", faults.kills), ("crash points", faults.crashes),
            ("kill at acknowledgement", faults.killsAtAcknowledgement), ("handlers that trap", faults.trappedHandlers),
            ("out of descriptors", faults.outOfDescriptors), ("out of memory", faults.outOfMemory),
            ("pauses", faults.pauses),
            ("SIGTERM", faults.terminations), ("scalings", faults.scalings),
            ("broker restarts", faults.brokerRestarts), ("broker kill -9", faults.brokerKills),
            ("links cut", faults.cuts), ("links slow", faults.slowLinks), ("links stalled", faults.stalls),
            ("links half open", faults.halfOpenLinks), ("lost acknowledgements", faults.lostAcknowledgements),
        ] + databaseFaultRows + [
            ("broker's full disks", faults.brokerFullDisks), ("duplicates", faults.duplicates),
            ("poisoned aggregates", faults.poisonedAggregates), ("forks", faults.forks),
            ("trimmed histories", faults.trimmedHistories), ("of these by a purge", faults.purgedHistories),
        ]
    }

    private var databaseFaultRows: [(name: String, count: Int)] {
        if store == "sqlite" { return [("full disks", faults.fullDisks)] }
        return [
            ("full disks", faults.fullDisks), ("database restarts", faults.databaseRestarts),
            ("backends killed", faults.backendKills),
            ("cut at commit", faults.cutCommits), ("few connections", faults.connectionLimits),
            ("slow database links", faults.slowDatabaseLinks),
        ]
    }

    /// What became of the deliveries, by name.
    public var outcomeRows: [(name: String, count: Int)] {
        [
            ("handed over", outcomes.deliveries), ("again", outcomes.redeliveries), ("applied", outcomes.applied),
            ("stale", outcomes.stale), ("held", outcomes.held), ("parked", outcomes.parked),
            ("drained", outcomes.drained), ("repaired", outcomes.repaired), ("conflicts", outcomes.conflicts),
            ("failures", outcomes.failures), ("dead letters", outcomes.deadLettered),
            ("attempts of handlers", outcomes.attempts), ("copies in the stream", outcomes.copies),
            ("acknowledgements checked", outcomes.acknowledgementsChecked), ("most parked", outcomes.mostParked),
            ("largest replica, MB", outcomes.largestMegabytes), ("lines of logs", outcomes.logLines),
            ("gave up and came back", outcomes.givenUp),
        ]
    }
}
