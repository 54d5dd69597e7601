import Foundation
import TertibTesting

/// What both engines end with.
extension SimulateCommand {
    /// Writes a failing run. A run is not lost with its file: why that could not be written is told behind the result.
    /// - Parameter original: What it was replayed from, and must not be written over unless that was asked for.
    func saved(_ json: [UInt8], besides original: String? = nil) -> (file: String?, failure: Failure?) {
        var path = output ?? Self.defaultOutput
        if let original, output == nil,
            URL(fileURLWithPath: original).standardizedFileURL == URL(fileURLWithPath: path).standardizedFileURL
        {
            path = "smaller-" + path
        }
        do {
            try OutputFile.write(Data(json), to: path)
            return (path, nil)
        } catch {
            var failure = Failure(error)
            failure.next = "Name another file with --output."
            return (nil, failure)
        }
    }

    /// Prints a run that was told line by line.
    func tell(_ run: SimulatedRun, _ told: [String], _ console: Console) {
        for line in run.lines(telling: told, for: console.output) { console.write(line) }
    }

    /// Prints the report, and gives back whether everything is right.
    func conclude(_ result: SimulationResult, _ console: Console) -> Bool {
        let isTold = trace || replay != nil
        if json {
            console.write(result.document)
        } else {
            let lines = isTold ? result.verdict(for: console.output) : result.lines(for: console.output)
            for line in lines { console.write(line) }
        }
        note(result.fileFailure, console)
        return result.isRight
    }

    /// Says on standard error, behind the result, why a file could not be written.
    func note(_ failure: Failure?, _ console: Console) {
        for line in failure?.lines(for: console.error) ?? [] { console.note(line) }
    }

    static func unusable(_ replay: String, _ error: any Error) -> Failure {
        Failure(
            status: .unusable, code: "replay", what: "\(replay) cannot be replayed", why: Self.words(error),
            next: "Give a file that `tertib lab simulate` has written.")
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "it has no \(key.stringValue)"
        case is DecodingError: "it is not the plan of a run"
        case let fault as SmallWorldFault: fault.description
        default: error.localizedDescription
        }
    }
}
