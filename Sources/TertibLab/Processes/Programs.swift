import Foundation

/// Finds the programs that demo and lab run.
public enum Programs {
    /// The path of nats-server: `named` if it is given, else what `environment` says as `TERTIB_NATS_SERVER`, else the
    /// first in `PATH`, else where Debian puts it.
    /// - Throws: ``LabError`` when there is none.
    public static func broker(named: String? = nil, environment: [String: String]) throws -> String {
        for (source, path) in [("--nats-server", named), ("TERTIB_NATS_SERVER", environment["TERTIB_NATS_SERVER"])] {
            guard let path, !path.isEmpty else { continue }
            guard isProgram(path) else {
                throw LabError(
                    "A nats-server is needed.", why: "\(source) says \(path), which is no program.",
                    advice: "Name the program nats-server, or leave it out to search PATH.", isUnusable: true)
            }
            return URL(fileURLWithPath: path).path
        }
        let path = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for folder in path + ["/usr/sbin", "/usr/local/bin"] where folder.hasPrefix("/") {
            let candidate = "\(folder)/nats-server"
            if isProgram(candidate) { return candidate }
        }
        throw LabError(
            "A nats-server is needed.", why: "It is neither in PATH nor in /usr/sbin.",
            advice: "Install it with `apt-get install nats-server`, or name it in TERTIB_NATS_SERVER.",
            isUnusable: true)
    }

    /// The complete path of the running program.
    public static func own() -> String {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return link ?? CommandLine.arguments.first ?? ""
    }

    /// The folder of the running program, where the shop's programs are built too.
    public static func ownFolder() -> String {
        URL(fileURLWithPath: own()).deletingLastPathComponent().path
    }

    /// Whether there is a program of that path.
    package static func isProgram(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
            && FileManager.default.isExecutableFile(atPath: path)
    }
}
