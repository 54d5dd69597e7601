import CNats
import TertibCore

/// The libnats that is loaded.
enum LibraryVersion {
    /// The version, such as `3.4.1`.
    static var text: String { nats_GetVersion().map { String(cString: $0) } ?? "unknown" }

    /// Refuses a libnats whose messages are not known to be read rightly.
    static func check() throws(EventLogError) {
        let major = nats_GetVersionNumber() >> 16
        guard major == 3 else {
            throw EventLogError(
                .unsupported, attempted: "use libnats \(text)", reason: "only libnats 3 is known to work",
                advice: "Install libnats 3, such as Debian's libnats-dev.")
        }
    }
}
