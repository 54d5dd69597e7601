import ArgumentParser
import Foundation
import TertibLab

/// `tertib lab worker`: one replica, started by the lab itself.
struct LabWorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "One replica of the lab.", shouldDisplay: false)

    @Argument(parsing: .captureForPassthrough)
    var words: [String] = []

    func run() async throws {
        let bug = ProcessInfo.processInfo.environment[LabWorker.bugVariable]
        let status = await LabWorker.run(words, bug: bug)
        if status != 0 { throw ExitCode(status) }
    }
}
