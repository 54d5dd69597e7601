import Foundation
import TertibCore

extension ServiceConfiguration {
    /// Reads and checks a configuration file and the files that it names. Nothing is opened beyond that.
    ///
    /// Relative paths in the file start at its folder.
    /// - Throws: ``ConfigurationError`` with everything that is wrong.
    public static func load(_ path: String) throws(ConfigurationError) -> ServiceConfiguration {
        let text: [UInt8]
        do {
            text = try FileAccess.read(path)
        } catch {
            throw ConfigurationError(
                ConfigurationProblem(
                    code: .unreadable, file: path, line: nil, column: nil, path: "$",
                    problem: "cannot be read: the file \(error.text)", reason: "expected a configuration file",
                    advice: "name the file with --config FILE, and see that this user may read it"))
        }
        return try read(text, file: path, directory: FileAccess.directory(of: path))
    }

    /// Reads and checks the text of a configuration.
    /// - Parameter file: what errors call it.
    /// - Parameter directory: where relative paths start; complete.
    /// - Throws: ``ConfigurationError`` with everything that is wrong.
    public static func read(
        _ text: [UInt8], file: String, directory: String
    ) throws(ConfigurationError) -> ServiceConfiguration {
        try read(text, file: file, directory: directory, environment: ProcessInfo.processInfo.environment)
    }

    /// Reads and checks the text of a configuration, with these variables as the environment.
    static func read(
        _ text: [UInt8], file: String, directory: String, environment: [String: String]
    ) throws(ConfigurationError) -> ServiceConfiguration {
        let root: JSONNode
        do {
            root = try JSONNode.parse(text)
        } catch {
            let position = TextPosition(of: error.offset, in: text)
            throw ConfigurationError(
                ConfigurationProblem(
                    code: .syntax, file: file, line: position.line, column: position.column, path: "$",
                    problem: "is not JSON", reason: error.problem, advice: "correct the file at \(file):\(position)"))
        }
        return try ConfigurationReader(
            context: ReadingContext(file: file, directory: directory, environment: environment)
        ).read(root)
    }
}
