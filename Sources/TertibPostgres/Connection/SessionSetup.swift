import TertibRuntime

/// Makes a connection what the store's statements rest on, and refuses a server that would break a promise.
enum SessionSetup {
    private static let oldestServer = 120_000

    static func connect(_ options: PostgresOptions) throws(StoreError) -> StatementRunner {
        let settings = try ConnectionSettings(options)
        let attempted = "connect to the database \(settings.place)"
        let runner: StatementRunner
        let found: Found
        do {
            let connection = try open(settings, attempted)
            runner = StatementRunner(connection: connection, statements: StatementCache(), options: options)
            try connection.run(Self.settings(options), within: runner.limit)
            found = try Found(connection.run(Found.query, within: runner.limit))
        } catch {
            throw StoreError(wrapping: error, attempted: attempted, isOwn: true)
        }
        try refuse(found, serverVersion: runner.connection.serverVersion, attempted: attempted)
        return runner
    }

    /// libpq says only in words why a connection was refused.
    private static func open(
        _ settings: ConnectionSettings, _ attempted: String
    ) throws(StoreError) -> ServerConnection {
        do throws(ServerFailure) {
            return try ServerConnection(settings)
        } catch {
            throw StoreError(
                .unavailable, attempted: attempted, reason: error.message,
                advice: "See that the server runs and accepts this role: the URL, the password's file, pg_hba.conf.")
        }
    }

    /// - A generic plan of a statement over arrays would reckon with ten elements, and cost a factor of ten.
    /// - What runs outside of a transaction names its isolation by this default.
    /// - The scanner of placeholders knows strings without escapes only.
    private static func settings(_ options: PostgresOptions) -> String {
        """
        SET default_transaction_isolation = 'read committed';
        SET client_min_messages = warning; SET plan_cache_mode = force_custom_plan;
        SET standard_conforming_strings = on; SET bytea_output = hex; SET DateStyle = 'ISO, YMD';
        SET TimeZone = 'UTC'; SET extra_float_digits = 1;
        SET statement_timeout = \(options.statementTimeout.wholeMilliseconds);
        SET lock_timeout = \(options.lockTimeout.wholeMilliseconds);
        SET idle_in_transaction_session_timeout = \(options.idleTransactionTimeout.wholeMilliseconds)
        """
    }

    /// What the server says about itself.
    private struct Found {
        static let query = """
            SELECT current_setting('synchronous_commit'), current_setting('server_encoding'),
                pg_is_in_recovery()::text
            """
        let synchronousCommit: String
        let encoding: String
        let isStandby: Bool

        init(_ results: [QueryResult]) throws {
            guard let result = results.last, result.rowCount == 1, result.columnCount == 3 else {
                throw ServerFailure(connection: "the server has not answered with its settings")
            }
            let words = (0..<3).map { result.text(0, $0) ?? "" }
            (synchronousCommit, encoding, isStandby) = (words[0], words[1], words[2] == "true")
        }
    }

    private static func refuse(
        _ found: Found, serverVersion: Int, attempted: String
    ) throws(StoreError) {
        func refused(_ reason: String, _ advice: String) -> StoreError {
            StoreError(.unsafeConfiguration, attempted: attempted, reason: reason, advice: advice)
        }
        guard serverVersion >= oldestServer else {
            throw refused("the server has version \(serverVersion / 10_000)", "Use PostgreSQL 12 or newer.")
        }
        // What was acknowledged to the broker could be gone after a crash of the server.
        guard found.synchronousCommit != "off" else {
            throw refused(
                "synchronous_commit is off: a commit could be lost after it was acknowledged",
                "ALTER ROLE ... SET synchronous_commit = on, or the same for the database or the server.")
        }
        guard found.encoding == "UTF8" else {
            throw refused(
                "the database's encoding is \(found.encoding), which does not hold every id",
                "Create it with ENCODING 'UTF8'.")
        }
        guard !found.isStandby else {
            // It may be promoted, or the address may lead to another server, at any moment.
            throw StoreError(
                .unavailable, attempted: attempted, reason: "the server is a standby, which only reads",
                advice: "Connect to the primary.")
        }
    }
}

extension Duration {
    /// At least one: PostgreSQL takes 0 for no limit at all.
    var wholeMilliseconds: Int64 {
        max(1, components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
