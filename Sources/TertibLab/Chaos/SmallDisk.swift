import Glibc

/// A file system in memory that can be made full, and have space again. Only root may mount one.
final class SmallDisk: Sendable {
    private let path: String
    private let size: UInt64

    private static let remount: UInt = 32
    private static let detach: Int32 = 2

    /// Mounts it.
    /// - Throws: ``Refused`` where that is not allowed.
    init(at path: String, size: UInt64) throws {
        self.path = path
        self.size = size
        try mount(flags: 0, size: size)
    }

    /// Why it cannot be mounted.
    struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    /// Leaves no space.
    func fill() throws {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw Self.refusal("look at") }
        let used = UInt64(status.f_blocks - status.f_bfree) * UInt64(status.f_frsize)
        try mount(flags: Self.remount, size: max(used, UInt64(status.f_frsize)))
    }

    /// Makes space again.
    func free() throws { try mount(flags: Self.remount, size: size) }

    /// Unmounts it, with all that is on it.
    func remove() throws {
        guard umount2(path, Self.detach) == 0 else { throw Self.refusal("unmount") }
    }

    private func mount(flags: UInt, size: UInt64) throws {
        guard Glibc.mount("tmpfs", path, "tmpfs", flags, "size=\(size)") == 0 else { throw Self.refusal("mount") }
    }

    private static func refusal(_ attempted: String) -> Refused {
        Refused(description: "could not \(attempted) a small disk: \(String(cString: strerror(errno)))")
    }
}
