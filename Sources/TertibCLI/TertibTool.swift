import ArgumentParser
import Foundation
import TertibConfiguration

/// The command line as a function: arguments in, exit status out.
public enum TertibTool {
    /// The version that `tertib --version` prints.
    static let version = "0.1.0"

    /// Runs the command line of this process and returns its exit status: 0 done, 1 something is wrong or a race was
    /// lost, 2 the arguments or the configuration cannot be used.
    public static func run() async -> Int32 {
        let console = Console.standard
        do {
            return await run(try RawArguments.checked(), console: console)
        } catch {
            return report(error, asJSON: CommandLine.arguments.contains("--json"), console)
        }
    }

    /// Runs these arguments, without the name of the program.
    static func run(_ arguments: [String], console: Console) async -> Int32 {
        let isJSON = arguments.prefix { $0 != "--" }.contains("--json")
        do {
            try refuseUnknownVerb(arguments)
            var command = try RootCommand.parseAsRoot(arguments)
            if var verb = command as? any AsyncParsableCommand {
                try await verb.run()
            } else {
                try command.run()
            }
            return ExitStatus.done.rawValue
        } catch let status as ExitCode {
            return status.rawValue
        } catch {
            if let parsing = ArgumentFailure(error) {
                guard let failure = parsing.failure else {
                    console.write(parsing.text)
                    return ExitStatus.done.rawValue
                }
                return report(failure, asJSON: isJSON, console)
            }
            return report(error, asJSON: isJSON, console)
        }
    }

    /// Names the verb that was probably meant.
    private static func refuseUnknownVerb(_ arguments: [String]) throws {
        let verbs = RootCommand.configuration.subcommands.map { $0.configuration.commandName ?? "" }
        guard let verb = arguments.first, !verb.hasPrefix("-"), verb != "help", !verbs.contains(verb) else { return }
        let near = NearestName.nearest(to: verb, among: verbs).map { "did you mean \($0)? " } ?? ""
        throw Failure(
            status: .unusable, code: "arguments", what: "there is no verb \"\(verb)\"",
            why: "tertib has \(verbs.joined(separator: ", "))", next: "\(near)See 'tertib --help'.")
    }

    private static func report(_ error: any Error, asJSON: Bool, _ console: Console) -> Int32 {
        let failure = Failure(error)
        if asJSON { console.write(failure.document) }
        for line in failure.lines(for: console.error) { console.note(line) }
        return failure.status.rawValue
    }
}

/// What swift-argument-parser says about arguments: help and other texts that were asked for, or a mistake.
struct ArgumentFailure {
    /// The text that was asked for.
    let text: String
    /// The mistake; `nil` when there is none.
    let failure: Failure?

    /// `nil` when the error is not about arguments.
    init?(_ error: any Error) {
        let status = RootCommand.exitCode(for: error)
        guard status == .validationFailure || status == .success else { return nil }
        text = RootCommand.fullMessage(for: error)
        guard status == .validationFailure else {
            failure = nil
            return
        }
        var lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let what = lines.isEmpty ? "the arguments cannot be used" : lines.removeFirst()
        let next = lines.last?.hasPrefix("See ") == true ? lines.removeLast() : "See 'tertib --help'."
        failure = Failure(
            status: .unusable, code: "arguments",
            what: what.hasPrefix("Error: ") ? String(what.dropFirst("Error: ".count)) : what,
            why: lines.isEmpty ? "the arguments do not fit the verb" : lines.joined(separator: "\n"), next: next)
    }
}

/// The process's arguments as bytes: Swift would repair what is not UTF-8, and so change an id in silence.
enum RawArguments {
    static func checked() throws -> [String] {
        try CommandLine.arguments.dropFirst().map { argument in
            guard !argument.unicodeScalars.contains("\u{FFFD}") else {
                throw Failure(
                    status: .unusable, code: "arguments", what: "an argument cannot be used",
                    why: "it is not UTF-8, or it contains U+FFFD, which stands for what is not",
                    next: "Write ids and data in UTF-8; see `locale`.")
            }
            return argument
        }
    }
}
