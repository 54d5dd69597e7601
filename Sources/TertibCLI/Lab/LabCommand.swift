import ArgumentParser

/// `tertib lab`
struct LabCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab", abstract: "The proofs, as commands.",
        discussion: "Each ends with 0 when everything held, and with 1 when something did not.",
        subcommands: [
            SimulateCommand.self, ChaosCommand.self, CrashesCommand.self, ReplicasCommand.self,
            LostUpdatesCommand.self, LabWorkerCommand.self,
        ])
}
