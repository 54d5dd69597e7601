/// The statements of the store's conformance suite, in the SQL that SQLite and PostgreSQL share.
///
/// A store that does not read SQL is told what they mean.
public enum ConformanceSQL {
    /// A table whose key refuses a second effect of one version.
    public static let createLedger = """
        CREATE TABLE ledger (aggregate_type TEXT NOT NULL, aggregate_id TEXT NOT NULL, version BIGINT NOT NULL, \
        event_id TEXT NOT NULL, PRIMARY KEY (aggregate_type, aggregate_id, version))
        """
    /// Records one effect; fails when the version has one.
    public static let insertLedger =
        "INSERT INTO ledger (aggregate_type, aggregate_id, version, event_id) VALUES (?, ?, ?, ?)"
    /// All effects.
    public static let selectLedger =
        "SELECT aggregate_type, aggregate_id, version, event_id FROM ledger ORDER BY aggregate_type, aggregate_id, version"

    /// A table with one column of each kind.
    public static let createSample =
        "CREATE TABLE sample (id BIGINT PRIMARY KEY, number BIGINT, fraction DOUBLE PRECISION, words TEXT)"
    /// Adds a row.
    public static let insertSample = "INSERT INTO sample (id, number, fraction, words) VALUES (?, ?, ?, ?)"
    /// All rows, by id.
    public static let selectSample = "SELECT id, number, fraction, words FROM sample ORDER BY id"
    /// The rows with these words, by id.
    public static let selectSampleByWords = "SELECT id FROM sample WHERE words = ? ORDER BY id"
    /// Changes every row.
    public static let updateEverySample = "UPDATE sample SET number = ?"
    /// Adds to the number of one row.
    public static let addToSample = "UPDATE sample SET number = number + ? WHERE id = ?"
    /// Deletes one row.
    public static let deleteSample = "DELETE FROM sample WHERE id = ?"

    /// Marks a dead letter as dealt with, as an operator's tool will.
    public static let resolveDeadLetter =
        "UPDATE tertib_dead_letter SET resolution = 'skipped' WHERE stream_sequence = ?"
    /// Reads a table that does not exist.
    public static let selectNowhere = "SELECT id FROM no_such_table"
}
