/// The page of the documentation that shows the experiment: everything on it is generated.
struct ExperimentPage {
    let report: ExperimentReport
    /// Where the picture is, relative to the page.
    let picture: String

    /// The text, in Markdown.
    var document: String {
        var text = Self.introduction + "\n![Rows that differ from the owner's](\(picture))\n\n## In numbers\n\n"
        text += "Each cell: \(report.events) events of \(rows) aggregates, seed \(report.seed); the whole grid took "
        text += "\(Int(report.seconds.rounded())) s.\n\n"
        for profile in report.profiles { text += table(profile) + "\n" }
        return text + Self.definitions
    }

    private var rows: Int { report.cells.first?.rows ?? 0 }

    private func table(_ profile: FaultProfile) -> String {
        var text = "### \(profile.name.prefix(1).uppercased() + profile.name.dropFirst())\n\n"
        text += "| how | replicas | wrong rows | events lost | applied twice | stuck aggregates | "
        text += "stuck deliveries | redeliveries an event | seconds to rest |\n"
        text += "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        for mode in ExperimentMode.allCases {
            for cell in report.row(mode, profile) {
                let numbers = [
                    "\(cell.replicas)", "\(cell.inconsistentRows)", "\(cell.lostEvents)", "\(cell.appliedTwice)",
                    "\(cell.stuckAggregates)", "\(cell.stuckDeliveries)", "\(cell.redeliveriesPerEvent)",
                    cell.secondsToRest.map { "\($0)" } ?? "never",
                ]
                text += "| \(mode.name) | \(numbers.joined(separator: " | ")) |\n"
            }
        }
        return text
    }

    private static let introduction = """
        # The experiment: what replicas do to a copy

        A service keeps a copy of another service's rows, fed by events, and is scaled out. How many rows of the copy
        are wrong when everything has come to rest? `tertib-lab replicas` measures it: real processes that share one
        JetStream consumer on a real nats-server, and one SQLite database. `make experiment` writes this page anew; the
        same seed gives the same events and faults, and the machine does the rest, so numbers differ from run to run.

        """

    private static let definitions = """
        ## What was measured

        - **last write wins**: each event overwrites the row, in a transaction of its own, acknowledged after the commit.
        - **tutorials' check**: the row's version has to be the event's less one, else the event is refused and comes
          again 200 ms later.
        - **Tertib**: a consumer of Tertib, with default settings except for the acknowledgement wait of one second that
          all three have.
        - **wrong rows**: rows of the copy that are missing, or hold another amount than the owner's row. **Events
          lost**: events of the owner that were never applied. **Applied twice**: applications beyond the first.
          **Stuck aggregates**: those with an event that was not applied. **Stuck deliveries**: messages that the broker
          still delivers again and again. **Redeliveries**: messages handed over for the second time or more, counted
          on the wire. **Seconds to rest**: from the last publish; *never* where something still came again after
          two and a half seconds in which nothing had changed.
        - **shuffled by n**: each event is published up to n places behind its own, so that the stream itself is out of
          order. **5 % duplicates**: one event in twenty is stored twice, up to 64 places apart, under one event id and
          without a message id. **2 % acknowledgements lost**: one in fifty never reaches the broker. **kill -9**: six
          times during the load a replica is killed; it comes back at once.
        - **2 % publishes lost**: one event in fifty is lost on its way from the publisher to the broker. The owner in
          front of the two wrong ways writes it to the connection and does not look back, as a plain `publish` does: the
          event is never in the stream. The owner in front of Tertib stages its events in an outbox, through the same
          lossy connection; the relay publishes each of them until the stream has acknowledged it.

        """
}
