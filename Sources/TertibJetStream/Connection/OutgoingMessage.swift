import TertibCore
import TertibRuntime

/// A message on its way to the broker.
struct OutgoingMessage: Sendable {
    let subject: String
    var headers: [HeaderField] = []
    var body: [UInt8] = []
}
