import Foundation
import Subprocess
import Synchronization

/// One program that is started, signalled, killed and started again, and that ends with the task that runs it.
package final class ManagedProcess: Sendable {
    fileprivate enum Wish: Equatable {
        /// It shall run.
        case run
        /// It was ended, and comes back after a pause.
        case restart(after: Duration)
        /// It shall end, and stay so.
        case end
    }

    fileprivate struct State {
        var wish = Wish.run
        var send: (@Sendable (Signal) throws -> Void)?
        var id: Int32?
        var starts = 0
        var lastWords: [String] = []
        var written = 0
        /// Whether the end of this start was asked for by SIGTERM, so that its status has to be 0.
        var isAskedToEnd = false
        /// Whether this start has said anything: before that it may not know what to do on SIGTERM.
        var hasSpoken = false
        var badEnds: [String] = []
    }

    /// How the program is started, and what its ends mean.
    package struct Program: Sendable {
        /// The complete path.
        package var path: String
        /// What it is started with; starts are counted from 1.
        package var arguments: @Sendable (_ start: Int) -> [String]
        /// Variables beside the inherited ones.
        package var environment: @Sendable (_ start: Int) -> [String: String] = { _ in [:] }
        /// What an end means that nobody asked for: after which pause it comes back; `nil` for a failure of the run.
        package var comesBack: @Sendable (_ status: Int32) -> Duration? = { _ in nil }
        /// Whether an end is as good as an orderly one, although it was asked to end by SIGTERM.
        package var isPlanned: @Sendable (_ status: Int32) -> Bool = { _ in false }
        /// Whether it ends on SIGINT where others do on SIGTERM: on that, PostgreSQL waits until its clients have gone.
        package var endsOnInterrupt = false

        /// Describes a program.
        package init(path: String, arguments: @escaping @Sendable (_ start: Int) -> [String]) {
            self.path = path
            self.arguments = arguments
        }
    }

    /// What messages call it.
    package let name: String
    private let program: Program
    private let log: FileHandle
    private let hear: @Sendable (_ line: String, _ start: Int) -> Void
    private let state = Mutex(State())

    /// At most so many bytes of its standard error are kept.
    private static let logLimit = 4 << 20

    /// Creates a process; nothing is started.
    /// - Parameter logFile: where its standard error goes.
    /// - Parameter hear: gets each line of its standard output.
    package init(
        name: String, program: Program, logFile: String,
        hear: @escaping @Sendable (_ line: String, _ start: Int) -> Void = { _, _ in }
    ) throws {
        self.name = name
        self.program = program
        self.hear = hear
        guard FileManager.default.createFile(atPath: logFile, contents: nil),
            let log = FileHandle(forWritingAtPath: logFile)
        else {
            throw LabError(
                "Could not start \(name).", why: "The log \(logFile) cannot be written.",
                advice: "See that there is space in the folder for temporary files (TMPDIR).")
        }
        self.log = log
    }

    /// How it ended when it was asked to end by SIGTERM, where that was not with status 0.
    package var badEnds: [String] { state.withLock(\.badEnds) }

    /// Its process id while it runs.
    package var id: Int32? { state.withLock(\.id) }

    /// How often it was started.
    package var starts: Int { state.withLock(\.starts) }

    /// Runs the program, again after each kill, until ``end()``.
    /// - Throws: ``LabError`` when it ends without having been asked to, and may not.
    package func run() async throws {
        while true {
            let status = try await runOnce()
            try Task.checkCancellation()
            note(status)
            switch state.withLock(\.wish) {
            case .restart(let pause):
                try await Task.sleep(for: pause)
            case .end:
                return
            case .run:
                guard let pause = program.comesBack(status.number) else { throw ended(status) }
                try await Task.sleep(for: pause)
            }
            guard state.withLock({ $0.resume() }) else { return }
        }
    }

    private func note(_ status: TerminationStatus) {
        state.withLock { state in
            if state.isAskedToEnd, state.hasSpoken, !status.isSuccess, !program.isPlanned(status.number) {
                state.badEnds.append("\(name): \(status)")
            }
            (state.isAskedToEnd, state.hasSpoken) = (false, false)
        }
    }

    private func ended(_ status: TerminationStatus) -> LabError {
        let words = state.withLock(\.lastWords).joined(separator: "\n")
        return LabError(
            "\(name) ended by itself (\(status)).", why: words.isEmpty ? "It said nothing." : words,
            advice: "Run it again with --keep, and look at its log.")
    }
}

extension ManagedProcess {
    /// `kill -9`; it comes back after a pause. Returns whether there was something to kill.
    @discardableResult
    package func kill(restartingAfter pause: Duration) -> Bool { restart(with: .kill, pause, asked: false) }

    /// SIGTERM; it comes back after a pause. Returns whether there was something to end.
    @discardableResult
    package func terminate(restartingAfter pause: Duration) -> Bool {
        restart(with: program.ending, pause, asked: true)
    }

    /// `kill -9`, also when it is ending already and does not come to its end; then it comes back as it was to.
    package func insist(restartingAfter pause: Duration) {
        if kill(restartingAfter: pause) { return }
        state.withLock { state in
            // A process that is gone already needs no signal.
            if state.wish != .end { try? state.send?(.kill) }
        }
    }

    /// SIGQUIT; it comes back after a pause. Returns whether there was something to end.
    @discardableResult
    package func quit(restartingAfter pause: Duration) -> Bool { restart(with: .quit, pause, asked: false) }

    /// SIGSTOP: it stands still until ``resume()``. Returns whether there was something to stop.
    @discardableResult
    package func suspend() -> Bool { send(.suspend) }

    /// SIGCONT.
    @discardableResult
    package func resume() -> Bool { send(.resume) }

    /// SIGTERM: it finishes what is in hand, and stays away.
    package func end() { end(with: program.ending) }

    /// `kill -9`, and it stays away.
    package func killForGood() { end(with: .kill) }

    private func end(with signal: Signal) {
        state.withLock { state in
            state.wish = .end
            state.isAskedToEnd = signal != .kill && state.send != nil
            // A process that is gone already needs no signal.
            try? state.send?(signal)
        }
    }

    private func send(_ signal: Signal) -> Bool {
        state.withLock { state in
            guard let send = state.send else { return false }
            return (try? send(signal)) != nil
        }
    }

    private func restart(with signal: Signal, _ pause: Duration, asked: Bool) -> Bool {
        state.withLock { state in
            guard state.wish == .run, let send = state.send, (try? send(signal)) != nil else { return false }
            state.wish = .restart(after: pause)
            state.isAskedToEnd = asked
            return true
        }
    }
}

extension ManagedProcess {
    private func runOnce() async throws -> TerminationStatus {
        let start = state.withLock { state in
            state.starts += 1
            return state.starts
        }
        let path = program.path as NSString
        var options = PlatformOptions()
        options.processGroupID = 0  // a terminal's Ctrl-C is for the run, which ends its processes in order
        options.teardownSequence = [.send(signal: program.ending, allowedDurationToNextStep: .seconds(2))]
        var variables: [Environment.Key: String?] = ["PATH": path.deletingLastPathComponent]
        for (name, value) in program.environment(start) { variables[Environment.Key(stringLiteral: name)] = value }
        let result = try await Subprocess.run(
            .name(path.lastPathComponent), arguments: Arguments(program.arguments(start)),
            environment: .inherit.updating(variables), platformOptions: options, input: .inputWriter,
            output: .sequence, error: .sequence
        ) { execution in
            defer {
                state.withLock { state in
                    state.send = nil
                    state.id = nil
                }
            }
            state.withLock { state in
                state.send = { signal in try execution.send(signal: signal) }
                state.id = Int32(execution.processIdentifier.value)
                if state.wish == .end { try? execution.send(signal: program.ending) }
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
        for try await line in output.strings() {
            state.withLock { $0.hasSpoken = true }
            hear(line, start)
        }
    }

    private func record(_ output: SubprocessOutputSequence) async throws {
        for try await line in output.strings() {
            let text = line.trimmingCharacters(in: .newlines)
            let isKept = state.withLock { state in
                state.lastWords = state.lastWords.suffix(4) + [text]
                state.written += text.utf8.count + 1
                return state.written <= Self.logLimit
            }
            if isKept { try log.write(contentsOf: Data((text + "\n").utf8)) }
        }
    }
}

extension ManagedProcess.State {
    /// After an end it shall run again, unless it shall stay away by now.
    fileprivate mutating func resume() -> Bool {
        guard wish != .end else { return false }
        wish = .run
        return true
    }
}

extension ManagedProcess.Program {
    /// What asks it to end in order.
    fileprivate var ending: Signal { endsOnInterrupt ? .interrupt : .terminate }
}

extension TerminationStatus {
    /// The exit status, or the signal's number below zero.
    fileprivate var number: Int32 {
        switch self {
        case .exited(let code): Int32(code)
        case .signaled(let signal): -Int32(signal)
        }
    }
}
