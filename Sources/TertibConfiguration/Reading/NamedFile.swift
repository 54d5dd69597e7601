import TertibCore

/// A file that a setting names: checked when the configuration is read, because libnats finds a missing one late or
/// never.
struct NamedFile {
    let context: ReadingContext
    let section: Section
    let key: String
    let path: String
    /// Whether the file holds a secret.
    var isSecret = true

    /// Whether the file can be read and has content; reports why not. Warns if it is a secret that others can read.
    func check() -> Bool {
        guard content() != nil else { return false }
        if isSecret { warnIfExposed() }
        return true
    }

    /// Whether the file holds one line of text, as a password's or a token's does; reports why not, and warns if others
    /// can read it.
    func checkLine() -> Bool {
        guard var bytes = content() else { return false }
        warnIfExposed()
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.count <= 4096, let text = String(validating: bytes, as: UTF8.self),
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            report("names a file that does not hold one line of text")
            return false
        }
        return true
    }

    private func content() -> [UInt8]? {
        do {
            let content = try FileAccess.read(path)
            if !content.isEmpty { return content }
            report("names a file that is empty")
        } catch {
            report("names a file that \(error.text)")
        }
        return nil
    }

    /// Where the file was looked for. Of a secret's file the name is not told: somebody may have written the secret
    /// itself in its place.
    private var sought: String {
        isSecret
            ? "looked for what the setting says in the folder \(JSONValue.quoted(context.directory))"
            : "looked for \(JSONValue.quoted(path))"
    }

    private func report(_ problem: String) {
        context.report(
            .unreadable, at: section.position(of: key), section.path.member(key), problem,
            reason: "expected a readable file, \(sought)",
            advice: "correct the path or the file")
    }

    private func warnIfExposed() {
        guard FileAccess.isExposed(path) else { return }
        context.warn(
            .exposedSecret, at: section.position(of: key), section.path.member(key),
            "names a secret that others on this machine can read",
            reason: "expected permissions for its owner only, found more on \(JSONValue.quoted(path))",
            advice: "chmod 600 the file")
    }
}
