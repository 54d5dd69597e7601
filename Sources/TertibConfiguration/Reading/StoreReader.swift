import TertibCore

/// Reads the section `store`.
struct StoreReader {
    let context: ReadingContext

    private enum Kind: String, CaseIterable {
        case sqlite, postgres

        var keys: [String] {
            switch self {
            case .sqlite: ["kind", "path"]
            case .postgres: ["kind", "url", "password"]
            }
        }
    }

    /// The database; `nil` after a report.
    func read(_ file: Section) -> StoreConfiguration? {
        guard let node = file.node("store") else {
            file.reportMissing(
                "store", expected: "an object", example: #"{ "kind": "sqlite", "path": "orders.sqlite" }"#)
            return nil
        }
        // The kind decides which keys there are, so it is looked at before anything is reported.
        let kindText = node.members?.first { $0.key == "kind" }?.node.shown
        let likely = Kind.allCases.first { "\"\($0.rawValue)\"" == kindText } ?? .sqlite
        guard
            let section = Section(node, at: JSONPath.root.member("store"), keys: likely.keys, in: context),
            let kind = section.required("kind", .choice(Kind.allCases))
        else { return nil }
        return switch kind {
        case .sqlite: readSQLite(section)
        case .postgres: readPostgres(section)
        }
    }

    private func readSQLite(_ section: Section) -> StoreConfiguration? {
        guard let database = section.required("path", .path(in: context.directory, example: "orders.sqlite")),
            checkDatabase(database, section)
        else { return nil }
        return .sqlite(path: database)
    }

    private func checkDatabase(_ path: String, _ section: Section) -> Bool {
        let problem: String
        if section.node("path")?.shown == "\":memory:\"" {
            problem = "is a database in memory, which would forget what has been applied"
        } else if FileAccess.isDirectory(path) {
            problem = "is a folder, not a file"
        } else if !FileAccess.isDirectory(FileAccess.directory(of: path)) {
            problem = "lies in a folder that does not exist"
        } else {
            return true
        }
        context.report(
            .invalidValue, at: section.position(of: "path"), section.path.member("path"), problem,
            reason: "expected a file in an existing folder, looked for \(JSONValue.quoted(path))",
            advice: "correct the path, or create the folder")
        return false
    }

    private func readPostgres(_ section: Section) -> StoreConfiguration? {
        let url = section.required("url", Self.url)
        guard let node = section.node("password") else { return url.map { .postgres(url: $0, password: nil) } }
        guard let source = readPassword(node, at: section.path.member("password")), let url else { return nil }
        return .postgres(url: url, password: source)
    }

    private func readPassword(_ node: JSONNode, at path: JSONPath) -> PasswordSource? {
        guard node.members != nil else {
            // What was found is not repeated: it may be the password.
            context.report(
                .wrongType, at: node.position, path, "has the wrong type",
                reason: "expected an object, found another value",
                advice: "write the password into a file, and name that: { \"file\": \"orders.password\" }")
            return nil
        }
        guard let section = Section(node, at: path, keys: ["file", "environment"], in: context) else { return nil }
        guard section.has("environment") else { return readPasswordFile(section) }
        guard !section.has("file") else {
            section.reportContradiction(
                of: ["environment"], "is given beside a file",
                reason: "expected one place that the password is in, found two", advice: "remove one of them")
            return nil
        }
        return readPasswordVariable(section)
    }

    private func readPasswordFile(_ section: Section) -> PasswordSource? {
        guard let file = section.required("file", .path(in: context.directory, example: "orders.password")),
            NamedFile(context: context, section: section, key: "file", path: file).checkLine()
        else { return nil }
        return .file(file)
    }

    private func readPasswordVariable(_ section: Section) -> PasswordSource? {
        guard let name = section.required("environment", EnvironmentSecret.name) else { return nil }
        do {
            _ = try EnvironmentSecret.value(of: name, in: context.environment)
            return .environment(name)
        } catch {
            context.report(
                .unreadable, at: section.position(of: "environment"), section.path.member("environment"),
                error.problem, reason: "expected a variable of this process with the password in it",
                advice: "set the variable where the service is started, or correct its name")
            return nil
        }
    }

    private static let url = Form<PostgresURL>(
        expected: "postgresql://USER@HOST:PORT/DATABASE", example: #""postgresql://orders@127.0.0.1/orders""#,
        hidesWhatIsFound: true,
        read: { node throws(Mismatch) in
            guard case .string(let text) = node.value else { throw .wrongType }
            do throws(Mismatch) {
                return try PostgresURL(text)
            } catch {
                // What was found is not repeated: it may hold a password in a place where nobody looks for one.
                throw Mismatch(
                    code: error.code, problem: error.problem, advice: error.advice,
                    reason: "expected postgresql://USER@HOST:PORT/DATABASE, found another text")
            }
        }, show: { JSONValue.quoted($0.url) })
}
