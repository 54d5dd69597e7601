import TertibCore
import TertibRuntime

/// An error that JetStream's API answered with.
struct APIFailure: Hashable, Sendable {
    /// JetStream's error codes that mean something here. Source: `errors.json` of nats-server.
    enum Known {
        static let insufficientResources = 10023
        static let noPeers = 10005
        static let streamNotFound = 10059
        static let streamWrongName = 10060
        static let consumerNotFound = 10014
        static let noMessage = 10037
        static let wrongLastSequence = 10071
        /// A replicated stream of 2.11 or later has a message of this subject on its way to its copies.
        static let subjectInFlight = 10164
        /// The same of a message of this id.
        static let messageInFlight = 10158
        static let messageTooLarge = 10054
        static let streamStoreFailed = 10077
        static let streamNameInUse = 10058
        static let streamSubjectsOverlap = 10065
        static let notEnabled = 10076
        static let notEnabledForAccount = 10039
        static let storageExceeded = 10047
        static let sealed = 10109
    }

    let code: Int
    let errorCode: Int
    let text: String

    /// `nil` when the answer is no error.
    init?(_ answer: JSONValue) {
        let error = answer["error"]
        guard error != .null else { return nil }
        code = error["code"].count
        errorCode = error["err_code"].count
        text = error["description"].text ?? "error \(code)"
    }

    /// Whether the thing that was asked for does not exist.
    var isNotFound: Bool { code == 404 }

    func error(_ attempted: String) -> EventLogError {
        let reason = "\(text) (JetStream's error \(errorCode))"
        switch errorCode {
        case Known.streamNotFound, Known.streamWrongName:
            return EventLogError(
                .streamGone, attempted: attempted, reason: reason,
                advice: "Create the stream, or let \"manage\": \"create\" do so.")
        case Known.consumerNotFound:
            return EventLogError(.consumerGone, attempted: attempted, reason: reason)
        case Known.messageTooLarge:
            return EventLogError(.tooLarge, attempted: attempted, reason: reason)
        case Known.streamStoreFailed, Known.insufficientResources, Known.storageExceeded:
            return EventLogError(
                .full, attempted: attempted, reason: reason, advice: "Raise the limit, or make room.")
        case Known.notEnabled, Known.notEnabledForAccount:
            return EventLogError(
                .unavailable, attempted: attempted, reason: reason,
                advice: "Enable JetStream for the server and the account, or check nats.apiPrefix.")
        case Known.noPeers:
            // The answer of a cluster whose servers have not all met yet; and of one that is too small.
            return EventLogError(
                .unavailable, attempted: attempted, reason: reason,
                advice: "Start as many servers with JetStream as stream.replicas says, or lower it.")
        default:
            return EventLogError(
                code == 429 || code >= 500 ? .unavailable : .invalid, attempted: attempted, reason: reason)
        }
    }
}
