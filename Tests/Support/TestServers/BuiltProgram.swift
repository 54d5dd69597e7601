import Foundation

/// A program that was built with the tests.
public enum BuiltProgram {
    /// The complete path of the program of that name, in the folder of the tests or above it.
    public static func path(_ name: String) throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var folder = URL(fileURLWithPath: own).deletingLastPathComponent()
        while folder.path != "/" {
            let program = folder.appendingPathComponent(name)
            if FileManager.default.isExecutableFile(atPath: program.path) { return program.path }
            folder.deleteLastPathComponent()
        }
        throw TestServerError("there is no program \(name) beside the tests; `swift build` makes it")
    }
}
