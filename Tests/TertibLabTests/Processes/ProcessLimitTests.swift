import Foundation
import TestServers
import Testing

@testable import TertibLab

@Suite("A process that runs short")
struct ProcessLimitTests {
    @Test(
        "of descriptors or memory has no more of them, and gets them back",
        arguments: [ProcessLimit.descriptors, .memory])
    func limits(limit: ProcessLimit) async throws {
        let folder = try TemporaryDirectory()
        let program = ManagedProcess.Program(path: "/bin/cat") { _ in [] }
        let process = try ManagedProcess(name: "cat", program: program, logFile: "\(folder.path)/log")
        async let ended: Void = process.run()
        try await waitUntil("the process to run") { process.id != nil }
        let id = try #require(process.id)
        let usual = try #require(limit.limit(of: id))
        let before = try #require(try await limit.exhaust(id))
        #expect(limit.limit(of: id) != usual)
        try await limit.restore(before)
        #expect(limit.limit(of: id) == usual)
        process.killForGood()
        try await ended
        #expect(try await limit.exhaust(id) == nil, "a process that is gone has no limits")
    }
}
