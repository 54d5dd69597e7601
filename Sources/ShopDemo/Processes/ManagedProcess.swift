import Foundation
import Subprocess
import Synchronization

/// One program that is started, killed and started again, and that ends with the task that runs it.
final class ManagedProcess: Sendable {
    fileprivate enum Wish: Equatable {
        /// It shall run.
        case run
        /// It was killed, and comes back after a pause.
        case restart(after: Duration)
        /// It shall end, and stay so.
        case end
    }

    fileprivate struct State {
        var wish = Wish.run
        var send: (@Sendable (Signal) throws -> Void)?
        var starts = 0
        var lastWords: [String] = []
        var exit: TerminationStatus?
    }

    let name: String
    private let program: String
    private let arguments: @Sendable (_ start: Int) -> [String]
    private let log: FileHandle
    private let hear: @Sendable (_ line: String, _ start: Int) -> Void
    private let state = Mutex(State())

    /// Creates a process; nothing is started.
    /// - Parameter program: the complete path of the program.
    /// - Parameter arguments: what it is started with; `start` counts its starts from 1.
    /// - Parameter logFile: where its standard error goes.
    /// - Parameter hear: gets each line of its standard output.
    init(
        name: String, program: String, logFile: String, arguments: @escaping @Sendable (_ start: Int) -> [String],
        hear: @escaping @Sendable (_ line: String, _ start: Int) -> Void = { _, _ in }
    ) throws {
        self.name = name
        self.program = program
        self.arguments = arguments
        self.hear = hear
        guard FileManager.default.createFile(atPath: logFile, contents: nil),
            let log = FileHandle(forWritingAtPath: logFile)
        else {
            throw DemoError(
                "Could not start \(name).", why: "The log \(logFile) cannot be written.",
                advice: "See that there is space in the folder for temporary files (TMPDIR).")
        }
        self.log = log
    }

    /// Whether it ended with another status than 0 although it was only asked to end.
    var hasEndedBadly: Bool { state.withLock { $0.exit.map { !$0.isSuccess } ?? false } }

    /// Runs the program, again after each kill, until ``end()``.
    /// - Throws: ``DemoError`` when it ends without having been asked to.
    func run() async throws {
        while true {
            let status = try await runOnce()
            try Task.checkCancellation()
            switch state.withLock(\.wish) {
            case .restart(let pause):
                try await Task.sleep(for: pause)
                guard state.withLock({ $0.resume() }) else { return }
            case .end:
                state.withLock { $0.exit = status }
                return
            case .run:
                let words = state.withLock(\.lastWords).joined(separator: "\n")
                throw DemoError(
                    "\(name) ended by itself (\(status)).", why: words.isEmpty ? "It said nothing." : words,
                    advice: "Run the demo again with --keep, and look at its log.")
            }
        }
    }

    /// `kill -9`; it comes back after a pause. Returns whether there was something to kill.
    @discardableResult
    func kill(restartingAfter pause: Duration) -> Bool {
        state.withLock { state in
            guard state.wish == .run, let send = state.send, (try? send(.kill)) != nil else { return false }
            state.wish = .restart(after: pause)
            return true
        }
    }

    /// SIGTERM: it finishes what is in hand, and stays away.
    func end() {
        state.withLock { state in
            state.wish = .end
            // A process that is gone already needs no signal.
            try? state.send?(.terminate)
        }
    }

    private func runOnce() async throws -> TerminationStatus {
        let start = state.withLock { state in
            state.starts += 1
            return state.starts
        }
        let folder = (program as NSString).deletingLastPathComponent
        var options = PlatformOptions()
        options.processGroupID = 0  // a terminal's Ctrl-C is for the demo, which ends its processes in order
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        let result = try await Subprocess.run(
            .name((program as NSString).lastPathComponent), arguments: Arguments(arguments(start)),
            environment: .inherit.updating(["PATH": folder]), platformOptions: options, input: .inputWriter,
            output: .sequence, error: .sequence
        ) { execution in
            defer { state.withLock { $0.send = nil } }
            state.withLock { state in
                state.send = { signal in try execution.send(signal: signal) }
                if state.wish == .end { try? execution.send(signal: .terminate) }
            }
            try await withThrowingTaskGroup { group in
                group.addTask { try await self.listen(to: execution.standardOutput, start) }
                group.addTask { try await self.record(execution.standardError) }
                while try await group.next() != nil {}
            }
        }
        return result.terminationStatus
    }

    private func listen(to output: SubprocessOutputSequence, _ start: Int) async throws {
        for try await line in output.strings() { hear(line, start) }
    }

    private func record(_ output: SubprocessOutputSequence) async throws {
        for try await line in output.strings() {
            try log.write(contentsOf: Data((line.trimmingCharacters(in: .newlines) + "\n").utf8))
            state.withLock { state in
                state.lastWords = state.lastWords.suffix(4) + [line.trimmingCharacters(in: .newlines)]
            }
        }
    }
}

extension ManagedProcess.State {
    /// After a kill it shall run again, unless it shall end by now.
    fileprivate mutating func resume() -> Bool {
        guard wish != .end else { return false }
        wish = .run
        return true
    }
}
