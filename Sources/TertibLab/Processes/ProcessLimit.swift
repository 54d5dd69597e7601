import Foundation
import Subprocess

/// Something that a process can run short of.
enum ProcessLimit: String, Hashable, Sendable {
    /// Files, sockets, pipes.
    case descriptors
    /// Addresses, and with them memory and threads.
    case memory

    /// What a process was allowed before.
    struct Before: Sendable {
        fileprivate let process: Int32
        fileprivate let limit: String
    }

    /// Leaves a process what it has, and next to nothing more.
    /// - Returns: what to give back; `nil` when it is gone, is somebody else's, or this machine has no `prlimit`.
    func exhaust(_ process: Int32) async throws -> Before? {
        guard let limit = limit(of: process), let used = used(by: process) else { return nil }
        guard try await set("\(used)", for: process) else { return nil }
        return Before(process: process, limit: limit)
    }

    /// Gives it back; a process that has ended of it needs nothing more.
    func restore(_ before: Before) async throws { _ = try await set(before.limit, for: before.process) }

    /// The limit that holds for a process now, as the kernel says it; `nil` when it is gone.
    func limit(of process: Int32) -> String? {
        let text = String(
            decoding: FileManager.default.contents(atPath: "/proc/\(process)/limits") ?? Data(), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(row) }
        return line?.dropFirst(row.count).split(separator: " ").first.map(String.init)
    }

    private func set(_ limit: String, for process: Int32) async throws -> Bool {
        guard Programs.isProgram("/usr/bin/prlimit") else { return false }
        let result = try await Subprocess.run(
            .name("prlimit"), arguments: ["--pid", "\(process)", "--\(option)=\(limit):"],
            environment: .inherit.updating(["PATH": "/usr/bin"]), output: .discarded, error: .discarded)
        return result.terminationStatus.isSuccess
    }

    private var option: String {
        switch self {
        case .descriptors: "nofile"
        case .memory: "as"
        }
    }

    private var row: String {
        switch self {
        case .descriptors: "Max open files"
        case .memory: "Max address space"
        }
    }

    private func used(by process: Int32) -> Int? {
        switch self {
        case .descriptors:
            // A process that is gone has no such folder.
            return (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd"))?.count
        case .memory:
            let line = FileManager.default.contents(atPath: "/proc/\(process)/statm") ?? Data()
            return String(decoding: line, as: UTF8.self).split(separator: " ").first.flatMap { Int($0) }
                .map { $0 * 4096 + Self.spareMemory }
        }
    }

    private static let spareMemory = 4 << 20
}
