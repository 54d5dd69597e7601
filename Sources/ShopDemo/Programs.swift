import Foundation

/// Finds the programs that the demo runs.
public enum Programs {
    /// The path of nats-server: what `environment` says as `TERTIB_NATS_SERVER`, else the first in `PATH`, else
    /// where Debian puts it.
    /// - Throws: ``DemoError`` when there is none.
    public static func broker(environment: [String: String]) throws -> String {
        if let named = environment["TERTIB_NATS_SERVER"], !named.isEmpty {
            guard isProgram(named) else {
                throw DemoError(
                    "The demo needs nats-server.", why: "TERTIB_NATS_SERVER says \(named), which is no program.",
                    advice: "Correct the variable, or unset it to search PATH.")
            }
            return URL(fileURLWithPath: named).path
        }
        let path = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for folder in path + ["/usr/sbin", "/usr/local/bin"] where folder.hasPrefix("/") {
            let candidate = "\(folder)/nats-server"
            if isProgram(candidate) { return candidate }
        }
        throw DemoError(
            "The demo needs nats-server.", why: "It is neither in PATH nor in /usr/sbin.",
            advice: "Install it with `apt-get install nats-server`, or name it in TERTIB_NATS_SERVER.")
    }

    /// The folder of the running program, where the shop's programs are built too.
    public static func ownFolder() -> String {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let own = link ?? CommandLine.arguments.first ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent().path
    }

    /// Whether all programs are there.
    static func check(_ options: DemoOptions) throws {
        for name in Set(Role.allCases.map(\.program)).sorted() {
            guard !isProgram("\(options.programFolder)/\(name)") else { continue }
            throw DemoError(
                "The demo needs the shop's programs.", why: "\(options.programFolder) has no \(name).",
                advice: "Build them all with `swift build`; they belong beside `tertib`.")
        }
    }

    private static func isProgram(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
            && FileManager.default.isExecutableFile(atPath: path)
    }
}
