import CPostgres
import Foundation
import TertibRuntime

/// The settings of a connection for libpq: the URL's, and the store's where the URL has none.
struct ConnectionSettings {
    let parameters: [(name: String, value: String)]
    /// `host:port/database`, for messages.
    let place: String

    /// - Throws: ``StoreError`` when the URL cannot be read, holds a password, or the password's file cannot be read.
    init(_ options: PostgresOptions) throws(StoreError) {
        var values = try Self.parse(options.url)
        let host = values["hostaddr"] ?? values["host"]
        place = "\(values["host"] ?? "the local socket")/\(values["dbname"] ?? values["user"] ?? "")"
        guard values["password"] == nil, values["sslpassword"] == nil else {
            throw Self.refused("it contains a password", advice: "Put the password into a file, and name the file.")
        }
        values["password"] = options.password?.text
        if let file = options.passwordFile { values["password"] = try Self.password(in: file) }
        var defaults = [
            "application_name": "tertib", "client_encoding": "UTF8",
            "connect_timeout": "\(max(2, options.connectTimeout.roundedSeconds))",
            // A peer that has gone without a word is noticed while statements wait for it.
            "keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3",
            "tcp_user_timeout": "\((options.statementTimeout.roundedSeconds + 10) * 1000)",
        ]
        // On a socket of this machine libpq pays no heed to it.
        defaults["sslmode"] = host.map(Self.isLoopback) == true ? "prefer" : "verify-full"
        values.merge(defaults) { given, _ in given }
        parameters = values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private static func parse(_ url: String) throws(StoreError) -> [String: String] {
        guard url.hasPrefix("postgresql://") || url.hasPrefix("postgres://"), !url.utf8.contains(0) else {
            throw refused("it does not begin with postgresql://")
        }
        guard let options = PQconninfoParse(url, nil) else {
            // libpq's message repeats the text, which may hold a password in an unexpected place.
            throw refused("libpq cannot read it")
        }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return values
    }

    private static func password(in file: String) throws(StoreError) -> String {
        // What cannot be read is said in these words; the system's would add nothing.
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw StoreError(
                .unavailable, attempted: "read the database's password", reason: "its file cannot be read: \(file)")
        }
        return String(text.prefix { !$0.isNewline })
    }

    private static func refused(_ reason: String, advice: String? = nil) -> StoreError {
        StoreError(
            .unsafeConfiguration, attempted: "use the database's URL", reason: reason,
            advice: advice ?? "Write postgresql://USER@HOST:PORT/DATABASE.")
    }

    private static func isLoopback(_ host: String) -> Bool {
        host.hasPrefix("/") || host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
}

extension Duration {
    /// Whole seconds, rounded up.
    fileprivate var roundedSeconds: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}
