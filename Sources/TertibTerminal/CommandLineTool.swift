package import ArgumentParser
import Foundation
package import TertibCore

/// A command line as a function: arguments in, exit status out.
package struct CommandLineTool: Sendable {
    private let root: any AsyncParsableCommand.Type
    private let explain: @Sendable (any Error) -> Failure

    /// - Parameters:
    ///   - root: The command that all arguments are for.
    ///   - explain: What an error of the program's own means to the person at the terminal.
    package init(_ root: any AsyncParsableCommand.Type, explain: @escaping @Sendable (any Error) -> Failure) {
        self.root = root
        self.explain = explain
    }

    /// Runs the command line of this process and returns its exit status: 0 done, 1 something is wrong or a race was
    /// lost, 2 the arguments or the configuration cannot be used.
    package func run() async -> Int32 {
        do {
            return await run(try Self.checkedArguments(), console: .standard)
        } catch {
            return report(error, asJSON: CommandLine.arguments.contains("--json"), .standard)
        }
    }

    /// Runs these arguments, without the name of the program.
    package func run(_ arguments: [String], console: Console) async -> Int32 {
        let isJSON = arguments.prefix { $0 != "--" }.contains("--json")
        do {
            try refuseUnknownVerb(arguments)
            var command = try root.parseAsRoot(arguments)
            if var verb = command as? any AsyncParsableCommand {
                try await verb.run()
            } else {
                try command.run()
            }
            return ExitStatus.done.rawValue
        } catch let status as ExitCode {
            return status.rawValue
        } catch {
            if let parsing = ArgumentFailure(error, of: root) {
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
    private func refuseUnknownVerb(_ arguments: [String]) throws {
        let program = root.configuration.commandName ?? ""
        let verbs = root.configuration.subcommands.filter { $0.configuration.shouldDisplay }
            .map { $0.configuration.commandName ?? "" }
        let hidden = root.configuration.subcommands.map { $0.configuration.commandName ?? "" }
        guard let verb = arguments.first, !verbs.isEmpty, !verb.hasPrefix("-"), verb != "help", !hidden.contains(verb)
        else { return }
        let near = NearestName.nearest(to: verb, among: verbs).map { "did you mean \($0)? " } ?? ""
        throw Failure(
            status: .unusable, code: "arguments", what: "there is no verb \"\(verb)\"",
            why: "\(program) has \(verbs.joined(separator: ", "))", next: "\(near)See '\(program) --help'.")
    }

    private func report(_ error: any Error, asJSON: Bool, _ console: Console) -> Int32 {
        let failure = explain(error)
        if asJSON { console.write(failure.document) }
        console.note(failure)
        return failure.status.rawValue
    }

    /// The process's arguments as bytes: Swift would repair what is not UTF-8, and so change an id in silence.
    private static func checkedArguments() throws(Failure) -> [String] {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.contains(where: { $0.unicodeScalars.contains("\u{FFFD}") }) {
            throw Failure(
                status: .unusable, code: "arguments", what: "an argument cannot be used",
                why: "it is not UTF-8, or it contains U+FFFD, which stands for what is not",
                next: "Write ids and data in UTF-8; see `locale`.")
        }
        return arguments
    }
}

/// What swift-argument-parser says about arguments: help and other texts that were asked for, or a mistake.
package struct ArgumentFailure {
    /// The text that was asked for.
    let text: String
    /// The mistake; `nil` when there is none.
    package let failure: Failure?

    /// `nil` when the error is not about arguments.
    package init?(_ error: any Error, of root: any ParsableCommand.Type) {
        let status = root.exitCode(for: error)
        guard status == .validationFailure || status == .success else { return nil }
        text = root.fullMessage(for: error)
        guard status == .validationFailure else {
            failure = nil
            return
        }
        var lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let what = lines.isEmpty ? "the arguments cannot be used" : lines.removeFirst()
        let help = "See '\(root.configuration.commandName ?? "") --help'."
        let next = lines.last?.hasPrefix("See ") == true ? lines.removeLast() : help
        failure = Failure(
            status: .unusable, code: "arguments",
            what: what.hasPrefix("Error: ") ? String(what.dropFirst("Error: ".count)) : what,
            why: lines.isEmpty ? "the arguments do not fit the verb" : lines.joined(separator: "\n"), next: next)
    }
}

/// How a program of the project prints its result.
package struct ResultOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON document on standard output.")
    package var json = false

    package init() {}

    /// Prints a result: its document for a machine, or its lines for a person.
    package func write(
        _ document: @autoclosure () throws -> JSONValue, lines: (Terminal) -> [String], to console: Console = .standard
    ) rethrows {
        try write(document().line, lines: lines, to: console)
    }

    /// Prints a result whose document has its keys in the order of the alphabet.
    package func write(
        encoding report: some Encodable, lines: (Terminal) -> [String], to console: Console = .standard
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try write(String(decoding: encoder.encode(report), as: UTF8.self), lines: lines, to: console)
    }

    private func write(
        _ document: @autoclosure () throws -> String, lines: (Terminal) -> [String], to console: Console
    ) rethrows {
        if json {
            console.write(try document())
        } else {
            for line in lines(console.output) { console.write(line) }
        }
    }
}

extension ExitStatus {
    /// What a verb throws that ends so and has said why.
    package var code: ExitCode { ExitCode(rawValue) }
}
