import Foundation
import ServiceLifecycle
import Tertib

/// Ends the service when its supervisor is gone: then nobody holds the other end of standard input.
struct SupervisorWatch: Service {
    func run() async throws {
        await cancelWhenGracefulShutdown {
            let (ends, continuation) = AsyncStream<Never>.makeStream()
            FileHandle.standardInput.readabilityHandler = { handle in
                if handle.availableData.isEmpty { continuation.finish() }
            }
            for await _ in ends {}
            FileHandle.standardInput.readabilityHandler = nil
        }
    }
}

/// Writes a ``ReplicaReport`` a few times a second, and a last one at the end.
struct Reporter: Service {
    let consumers: [String: Consumer]

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                write()
                // Cancelled: the loop's condition ends it.
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// A report that cannot be written has no reader any more: then standard input has ended too, and ends the service.
    func write() {
        let report = ReplicaReport(consumers: consumers.mapValues(\.counts))
        guard let line = try? JSONEncoder().encode(report) else { return }
        try? FileHandle.standardOutput.write(contentsOf: line + Data("\n".utf8))
    }
}
