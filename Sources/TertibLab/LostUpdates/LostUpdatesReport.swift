/// One anomaly under one control on one database, as it was measured.
public struct LostUpdatesCell: Hashable, Sendable {
    /// What the database was asked for by.
    public let store: String
    /// What it is.
    public let kind: LabStore.Kind
    /// What was provoked.
    public let anomaly: Anomaly
    /// What was to prevent it.
    public let control: UpdateControl
    /// Updates that somebody asked for.
    public let attempts: Int
    /// Those that returned, so that whoever asked believes in them.
    public let committed: Int
    /// Those that the rule of the business refused: the order is not new any more, or nothing is left.
    public let refused: Int
    /// Transactions that ended because somebody else was faster.
    public let conflicts: Int
    /// Transactions that were begun again for that.
    public let retries: Int
    /// Rows that somebody would change, or pieces that somebody would take, if everybody were patient.
    public let wanted: Int
    /// What the database says.
    public let facts: LostUpdatesFacts
    /// How long it took.
    public let seconds: Double

    /// Whether everything that was committed is in the final state and nothing else is; and whether all who tried again
    /// came to their turn, where they did try again.
    public var isRight: Bool {
        let isWhole = facts.lost == 0 && facts.unexplained == 0 && !facts.isNegative && facts.committed == committed
        return isWhole && (control.reaction == .throw || !control.isPromise || committed == wanted)
    }
}

/// What the laboratory of lost updates has found.
public struct LostUpdatesReport: Hashable, Sendable {
    /// What it was asked for.
    public let options: LostUpdatesOptions
    /// The cells, in the order in which they were run.
    public internal(set) var cells: [LostUpdatesCell] = []
    /// Databases that it has not run on, and why.
    public internal(set) var notRun: [String] = []
    /// Where the tables are; only when they were kept.
    public internal(set) var kept: [String] = []
    /// How long all of it took.
    public internal(set) var seconds = 0.0

    /// Whether every policy has kept its promise.
    public var isRight: Bool { wrong.isEmpty }

    /// The cells of policies that have not kept their promise.
    public var wrong: [LostUpdatesCell] { cells.filter { $0.control.isPromise && !$0.isRight } }

    /// The page of the documentation, in Markdown.
    public var page: String { LostUpdatesPage(report: self).document }
}

/// Where the laboratory stands.
public struct LostUpdatesProgress: Hashable, Sendable {
    /// Cells done.
    public let done: Int
    /// Cells in all.
    public let total: Int
    /// The cell that runs, in words.
    public let cell: String
}
