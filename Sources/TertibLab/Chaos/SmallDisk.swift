import Glibc

/// A file system in memory that can be made full, and have space again. Only root may mount one.
final class SmallDisk: Sendable {
    private let path: String
    private let size: UInt64

    private static let remount: UInt = 32
    private static let detach: Int32 = 2
    private static let looks = 1000

    /// Mounts it.
    /// - Throws: ``Refused`` where that is not allowed.
    init(at path: String, size: UInt64) throws {
        self.path = path
        self.size = size
        guard Self.mount(path, flags: 0, size: size) else { throw Self.refusal("mount") }
    }

    /// Why it cannot be mounted.
    struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    /// Leaves no space, or that little that was given back meanwhile.
    ///
    /// Writers go on while it is filled: one that takes a page between the look and the new size makes the kernel refuse
    /// the size with `EINVAL` ("too small a size for current use"), and then there is another look.
    func fill() throws {
        for _ in 0..<Self.looks {
            var status = statvfs()
            guard statvfs(path, &status) == 0 else { throw Self.refusal("look at") }
            let used = UInt64(status.f_blocks - status.f_bfree) * UInt64(status.f_frsize)
            if try resize(to: max(used, UInt64(status.f_frsize))) { return }
        }
        throw Refused(description: "could not fill a small disk: it grew at each of \(Self.looks) looks")
    }

    /// Makes space again.
    func free() throws {
        guard try resize(to: size) else { throw Self.refusal("enlarge") }
    }

    /// Unmounts it, with all that is on it.
    func remove() throws {
        guard umount2(path, Self.detach) == 0 else { throw Self.refusal("unmount") }
    }

    /// Gives it another size; `false` when more than that is used.
    private func resize(to size: UInt64) throws -> Bool {
        if Self.mount(path, flags: Self.remount, size: size) { return true }
        guard errno == EINVAL else { throw Self.refusal("resize") }
        return false
    }

    private static func mount(_ path: String, flags: UInt, size: UInt64) -> Bool {
        Glibc.mount("tmpfs", path, "tmpfs", flags, "size=\(size)") == 0
    }

    private static func refusal(_ attempted: String) -> Refused {
        Refused(description: "could not \(attempted) a small disk: \(String(cString: strerror(errno)))")
    }
}
