import TertibRuntime

/// The page of the documentation that shows the laboratory of lost updates: everything on it is generated.
struct LostUpdatesPage {
    let report: LostUpdatesReport

    /// The text, in Markdown.
    var document: String {
        let options = report.options
        var text = Self.introduction + "\n## In numbers\n\n"
        text += "\(options.workers) connections at once; \(options.orders) orders that two transactions each change; "
        text += "\(options.stock) pieces in stock, and \(options.takes) transactions that take one. "
        text += "All of it took \(Int(report.seconds.rounded(.up))) s.\n\n"
        for kind in LabStore.Kind.allCases {
            let cells = report.cells.filter { $0.kind == kind }
            if !cells.isEmpty { text += "### \(kind.rawValue)\n\n" + table(cells) + "\n" }
        }
        return text + Self.reading
    }

    private func table(_ cells: [LostUpdatesCell]) -> String {
        var text = "| anomaly | policy | on conflict | attempts | conflicts | retries | lost updates | final state | "
        text += "| ms |\n|---|---|---|--:|--:|--:|--:|---|---|--:|\n"
        for cell in cells {
            let fields = [
                cell.anomaly.rawValue, cell.control.policy.name, cell.control.reaction.rawValue, "\(cell.attempts)",
                "\(cell.conflicts)", "\(cell.retries)", "\(cell.facts.lost)", cell.facts.state,
                cell.isRight ? "right" : "**wrong**", "\(Int((cell.seconds * 1000).rounded()))",
            ]
            text += "| \(fields.joined(separator: " | ")) |\n"
        }
        return text
    }

    private static let introduction = """
        # Lost updates, and what each policy does about them

        Two transactions read the same row, each decides by what it has read, and both write: one of the two updates is
        lost, and nobody is told. `tertib-lab lost-updates` provokes it on real databases, with a connection for each
        worker, under no control and under each policy of `EventBus.update`. `make lost-updates` writes this page anew.

        - **stateful**: an order is `NEW`. One transaction makes it `PAID`, another one `CANCELLED`; each has checked that
          it is `NEW`.
        - **stateless**: every transaction takes one piece from a stock, after a look that there is one left. A quarter
          more are wanted than there are.

        The overlap is made and not hoped for: no transaction writes before all others have read the row, wait for a lock
        on it, or have been refused one (as the server says in `pg_locks`). Every update writes a row of a ledger in its
        own transaction. In the end another connection counts: *lost* is what the ledger has and the final state has not.
        A line is right when nothing is lost, nothing has happened that the ledger does not explain, no more was taken than
        there was, and, where conflicts are retried, every order was changed and every piece was taken.

        """

    private static let reading = """
        ## What it shows

        - **Without control** every second change of an order is lost, and more pieces are sold than there were, although
          each transaction had looked. To run the closure again does not help: nobody notices that there is a reason to.
        - **Optimistic policies are the same everywhere**: `version` and `all-columns` are conditions in an `UPDATE`, which
          every database evaluates against the row as it is then. Nobody waits until he writes; whoever comes second finds
          out then.
        - **Serializable is the database's own affair**: PostgreSQL lets the transactions run side by side, ends one of two
          that contradict each other with an error (SQLSTATE 40001), and leaves it to the program to begin again. SQLite is
          serializable whatever is asked of it, for one transaction writes at a time.
        - **Locks differ as well**: on PostgreSQL `for-update` lets the others wait at their read, so that none conflicts,
          and `nowait` refuses them at once, so that a retry is tried most often. SQLite cannot lock a row; there a
          transaction of `update` has the whole file, and under every policy the second waits, reads what the first has
          written, and never conflicts.
        - **On SQLite, none** is a read in one transaction and a write in another one, as when a form is open in between.
          Within one transaction nothing could be lost there.
        - **Thrown or retried**: when a conflict is thrown, whoever got no error is in the final state, and few do on a row
          that all want. With a retry the whole closure runs again, so that its check sees what is there now.

        """
}
