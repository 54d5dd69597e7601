import TertibRuntime
import TertibConfiguration

/// What there is to say about a database on a PostgreSQL server.
extension StoreExamination {
    private static let settings = """
        SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
            current_setting('full_page_writes') AS pages, current_setting('max_connections')::bigint AS connections,
            current_setting('default_transaction_isolation') AS isolation,
            (SELECT count(*) FROM pg_stat_activity) AS used,
            (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls,
            coalesce(host(inet_server_addr()), '') AS address
        """

    mutating func examineServer(_ configuration: ServiceConfiguration) async {
        await withStore(configuration) { examination, store in
            do {
                let rows = try await store.read { try $0.query(Self.settings, arguments: []) }
                for row in rows { examination.judge(row) }
            } catch {
                // Without a connection there is nothing else to look at.
                examination.add(Self.unreadable(error, as: "store-open"))
                return
            }
            await examination.examineTables(store, configuration)
        }
    }

    private mutating func judge(_ row: SQLRow) {
        add(Finding(.info, "store-server", "PostgreSQL \(row["version"].text ?? "of an unknown version")"))
        if row["fsync"].text == "off" || row["pages"].text == "off" {
            add(
                Finding(
                    .fail, "store-durability",
                    "fsync or full_page_writes is off: a crash of the server's machine would lose what was acknowledged",
                    advice: "Switch both on."))
        }
        let (used, most) = (row["used"].integer ?? 0, row["connections"].integer ?? 0)
        if used * 5 >= most * 4 {
            add(
                Finding(
                    .warn, "store-connections", "\(used) of the server's \(most) connections are in use",
                    advice: "Raise max_connections: each replica opens up to 8."))
        }
        let address = row["address"].text ?? ""
        let isLocal = address.isEmpty || address.hasPrefix("127.") || address == "::1"
        if !isLocal, row["tls"].integer != 1 {
            add(
                Finding(
                    .warn, "store-tls", "the connection to \(address) is not encrypted",
                    advice: "Let the server speak TLS, and write sslmode=verify-full into the URL."))
        }
    }
}
