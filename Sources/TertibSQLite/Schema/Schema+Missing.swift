import GRDB
import TertibRuntime

extension Schema {
    /// What to say instead of "no such table" when the store's tables are missing or of another version; `nil` when
    /// they are not the reason.
    static func explaining(_ error: any Error, on database: Database) -> StoreError? {
        guard let error = error as? DatabaseError, error.resultCode == .SQLITE_ERROR,
            let version = try? Migrator.version(of: database), version != current
        else { return nil }
        return StoreError(
            .schema, attempted: "use the tables of this database",
            reason: version == 0
                ? "they have not been created" : "they have version \(version) instead of \(current)",
            advice: "Create or upgrade them: run migrate.")
    }
}
