import Foundation
import Glibc
import Subprocess

/// PostgreSQL's programs, and how to run them: they refuse to run as root.
struct PostgresPrograms: Sendable {
    /// The folder that they are in.
    let folder: String
    /// Who runs them instead of root; `nil` when this process is not root, and runs them itself.
    let user: User?

    /// A user of this machine.
    struct User: Sendable {
        let name: String
        let id: uid_t
        let group: gid_t
    }

    /// Finds them, the newest version first: Debian keeps them out of the path, a folder a version.
    /// - Parameter root: where the folders of the versions are.
    /// - Throws: ``LabError`` that names the package to install when there are none.
    init(environment: [String: String], root: String = "/usr/lib/postgresql") throws(LabError) {
        // A folder that is not there has no versions.
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let folders = versions.sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            .map { "\(root)/\($0)/bin" }
        let path = (environment["PATH"] ?? "").split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        guard
            let found = (folders + path).first(where: { folder in
                ["initdb", "postgres"].allSatisfy { Programs.isProgram("\(folder)/\($0)") }
            })
        else {
            throw LabError(
                "PostgreSQL is needed.", why: "Its server is neither in \(root) nor in PATH.",
                advice: "Install it with `apt-get install postgresql`, or name a server: --store postgresql://...",
                isUnusable: true)
        }
        folder = found
        user = geteuid() == 0 ? try Self.unprivilegedUser() : nil
    }

    /// The program and the arguments that run one of them. Unlike `runuser`, `setpriv` replaces itself, so that the
    /// process is the server's.
    func command(_ program: String, _ arguments: [String]) -> (path: String, arguments: [String]) {
        guard let user else { return ("\(folder)/\(program)", arguments) }
        let words = ["--reuid=\(user.id)", "--regid=\(user.group)", "--clear-groups", "\(folder)/\(program)"]
        return ("/usr/bin/setpriv", words + arguments)
    }

    /// Runs one of them to its end.
    func run(_ program: String, _ arguments: [String]) async throws {
        let command = command(program, arguments)
        let path = command.path as NSString
        let result = try await Subprocess.run(
            .name(path.lastPathComponent), arguments: Arguments(command.arguments),
            environment: .inherit.updating(["PATH": path.deletingLastPathComponent]), output: .discarded,
            error: .string(limit: 1 << 20))
        guard result.terminationStatus.isSuccess else {
            throw LabError(
                "\(program) failed.", why: result.standardError.trimmingCharacters(in: .whitespacesAndNewlines),
                advice: "See that the folder for temporary files (TMPDIR) has space, and is open to other users.")
        }
    }

    /// Lets the user who runs them have a folder or a file.
    func give(_ path: String) throws(LabError) {
        guard let user else { return }
        guard chown(path, user.id, user.group) == 0 else {
            throw LabError(
                "PostgreSQL cannot run here.",
                why: "\(path) cannot be given to the user \(user.name): \(String(cString: strerror(errno)))",
                advice: "See that the folder for temporary files (TMPDIR) is on this machine's own disk.")
        }
    }

    private static func unprivilegedUser() throws(LabError) -> User {
        for name in ["postgres", "nobody"] {
            guard let entry = getpwnam(name) else { continue }
            return User(name: name, id: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
        }
        throw LabError(
            "PostgreSQL cannot run here.", why: "It refuses to run as root, and there is no user postgres or nobody.",
            advice: "Run it as another user.", isUnusable: true)
    }
}
