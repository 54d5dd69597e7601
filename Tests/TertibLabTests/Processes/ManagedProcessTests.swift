import Foundation
import Synchronization
import TestServers
import Testing

@testable import TertibLab

@Suite("A managed process")
struct ManagedProcessTests {
    /// What a process has said, by its start.
    private final class Ear: Sendable {
        let lines = Mutex<[Int]>([])

        func hear(_ line: String, _ start: Int) { lines.withLock { $0.append(start) } }
        var starts: Set<Int> { Set(lines.withLock { $0 }) }
    }

    private func process(_ script: String, in folder: TemporaryDirectory, ear: Ear) throws -> ManagedProcess {
        var program = ManagedProcess.Program(path: "/bin/sh") { _ in ["-c", script] }
        program.comesBack = { $0 == 7 ? .milliseconds(1) : nil }
        return try ManagedProcess(
            name: "shell", program: program, logFile: "\(folder.path)/log", hear: { ear.hear($0, $1) })
    }

    @Test("comes back after a kill, and stays away once it is asked to end")
    func comesBack() async throws {
        let folder = try TemporaryDirectory()
        let ear = Ear()
        let process = try process("echo here; read line", in: folder, ear: ear)
        async let ended: Void = process.run()
        try await waitUntil("the first start") { ear.starts == [1] }
        #expect(process.kill(restartingAfter: .milliseconds(1)))
        try await waitUntil("the second start") { ear.starts == [1, 2] }
        process.end()
        try await ended
        #expect(process.badEnds == ["shell: signaled(15)"], "sh dies of SIGTERM, and that is not the status 0")
    }

    @Test("an end that nobody asked for fails the run, with the last words")
    func endsByItself() async throws {
        let folder = try TemporaryDirectory()
        let process = try process("echo because >&2; exit 3", in: folder, ear: Ear())
        let error = await #expect(throws: LabError.self) { try await process.run() }
        #expect(error?.why == "because")
        #expect(error?.what.contains("3") == true)
    }

    @Test("an end that is part of the plan starts it again")
    func planned() async throws {
        let folder = try TemporaryDirectory()
        let ear = Ear()
        let process = try process("echo here; test -e \(folder.path)/go || exit 7; read line", in: folder, ear: ear)
        async let ended: Void = process.run()
        try await waitUntil("the third start") { ear.starts.contains(3) }
        try Data().write(to: URL(fileURLWithPath: "\(folder.path)/go"))
        try await waitUntil("a start that stays") { process.id != nil }
        process.killForGood()
        try await ended
    }
}
