import Foundation
import Synchronization
import TestServers
import Testing

@testable import TertibLab

@Suite("A small disk")
struct SmallDiskTests {
    @Test("becomes full while somebody writes, and has space again; who is not root is refused")
    func fillUnderWrites() throws {
        let folder = try TemporaryDirectory()
        guard geteuid() == 0 else {
            #expect(throws: SmallDisk.Refused.self) { try SmallDisk(at: folder.path, size: 1 << 26) }
            return
        }
        let disk = try SmallDisk(at: folder.path, size: 1 << 26)
        let writer = Writer(path: "\(folder.path)/growing")
        defer { #expect(throws: Never.self) { try disk.remove() } }
        defer { writer.stop() }
        for round in 1...200 {
            try disk.fill()
            let failures = writer.failures
            while writer.failures == failures { sched_yield() }  // no space: a write fails
            try disk.free()
            truncate(writer.path, 0)
            let written = writer.written
            while writer.written == written { sched_yield() }  // space: a write succeeds
            #expect(writer.otherErrors == [], "round \(round)")
        }
    }

    /// A thread that appends pages to a file until it is stopped.
    private final class Writer: Sendable {
        private struct State {
            var stops = false
            var written = 0
            var failures = 0
            var otherErrors: [Int32] = []
        }
        private let state = Mutex(State())
        private let ended = DispatchSemaphore(value: 0)

        let path: String

        init(path: String) {
            self.path = path
            Thread.detachNewThread { [self] in
                let file = open(path, O_CREAT | O_WRONLY | O_APPEND, 0o600)
                let page = [UInt8](repeating: 7, count: 4096)
                while !state.withLock(\.stops) {
                    let count = write(file, page, page.count)
                    let reason = errno
                    state.withLock {
                        if count > 0 {
                            $0.written += 1
                        } else if reason == ENOSPC {
                            $0.failures += 1
                        } else {
                            $0.otherErrors.append(reason)
                        }
                    }
                }
                close(file)
                ended.signal()
            }
        }

        var written: Int { state.withLock(\.written) }
        var failures: Int { state.withLock(\.failures) }
        var otherErrors: [Int32] { state.withLock(\.otherErrors) }

        func stop() {
            state.withLock { $0.stops = true }
            ended.wait()
        }
    }
}
