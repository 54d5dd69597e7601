import ArgumentParser
import TertibTerminal

/// `tertib completions`
struct CompletionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions", abstract: "Print the script that completes verbs and options in your shell.",
        discussion: """
              tertib completions bash \\
                  > ~/.local/share/bash-completion/completions/tertib
              tertib completions zsh > ~/.zfunc/_tertib
              tertib completions fish > ~/.config/fish/completions/tertib.fish

            For zsh, ~/.zfunc has to be in $fpath.
            """)

    @Argument(help: ArgumentHelp("bash, zsh or fish.", valueName: "shell"))
    var shell: Shell

    /// The shells that there is a script for.
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish
    }

    func run() async throws {
        let known: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        Console.standard.write(RootCommand.completionScript(for: known))
    }
}
