/// What a commit has made of one aggregate, in as many bytes as say it: fields are ordered by size, there is no padding.
struct CommitFact {
    /// The parked rows after, by version.
    var parked = InlineArray<8, PackedParked>(repeating: PackedParked())
    /// The open dead letters after, by message; those of other aggregates are left out.
    var letters = InlineArray<32, PackedLetter>(repeating: PackedLetter())
    /// The effects before and after, by version: the message plus one.
    var effectsBefore = InlineArray<8, UInt8>(repeating: 0)
    var effects = InlineArray<8, UInt8>(repeating: 0)
    var before = PackedRow()
    var after = PackedRow()
    /// The aggregate's messages that were acknowledged before.
    var acknowledged: UInt32 = 0
    /// The rows that are parked in all, after.
    var parkedInAll: UInt16 = 0
    var aggregate: UInt8 = 0
    var marks = Marks()

    struct Marks: OptionSet {
        let rawValue: UInt8
        /// The watermark's row was written.
        static let wroteRow = Marks(rawValue: 1)
        /// Something was parked, or taken out.
        static let changedParked = Marks(rawValue: 2)
        /// A drain is left over.
        static let hasLeftovers = Marks(rawValue: 4)
    }
}

/// An acknowledgement, and what the database has of the message's aggregate.
struct AcknowledgementFact {
    var row = PackedRow()
    /// What is parked at the message's version.
    var parked = PackedParked()
    var message: UInt8 = 0
    var isDeadLetter: UInt8 = 0
}

/// What becomes of a batch's deliveries.
struct SettlementFact {
    var deliveries: UInt64
    var acknowledged: UInt64
    var carried: UInt64
}

/// Everything that the database has when nothing moves any more.
struct RestFact {
    var rows: InlineArray<4, PackedRow>
    var parked: InlineArray<32, PackedParked>
    var effects: InlineArray<32, UInt8>
    var letters: InlineArray<32, PackedLetter>
}
