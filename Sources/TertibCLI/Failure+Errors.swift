import TertibRuntime
import TertibConfiguration
import TertibCore
import TertibTerminal

extension Failure {
    /// What an error means to the person at the terminal.
    init(_ error: any Error) {
        switch error {
        case let error as ConfigurationError: self.init(error)
        case let error as VersionConflict: self.init(error)
        case let error as PartialAppend: self.init(error)
        case let error as EventLogError: self.init(error)
        case let error as StoreError: self.init(error)
        case let error as PublishingError: self.init(error)
        case let error as ConsumerError: self.init(error)
        case let error as IdentityError:
            self.init(
                status: .unusable, code: "invalid-argument", what: "an argument cannot be used",
                why: "the \(error)", next: "Correct it; `tertib help` has examples.")
        default:
            self.init(unexpected: error)
        }
    }

    init(_ error: ConfigurationError) {
        self.init(
            status: .unusable, code: "configuration", what: error.what, why: error.why, next: error.whatToDo)
    }

    init(_ error: VersionConflict) {
        self.init(
            status: .wrong, code: "version-conflict", what: "the race for \(error.aggregate) was lost",
            why: "\(error)", next: "Read the aggregate's present state, decide again, and publish with that version.",
            details: [
                .init(key: "aggregate", value: .text(error.aggregate)),
                .init(key: "expected", value: .number(error.expected.number)),
                .init(key: "actual", value: .number(error.actual?.number)),
            ])
    }

    init(_ error: PartialAppend) {
        let cause = Failure(error.underlying)
        let count = error.receipts.count
        self.init(
            status: cause.status, code: cause.code, what: cause.what,
            why: "\(cause.why); \(Words.count(count, "event")) before it \(count == 1 ? "was" : "were") published",
            next: cause.next, details: cause.details)
    }

    init(_ error: EventLogError) {
        let unusable: [EventLogError.Code] = [
            .authentication, .notPermitted, .unsafeConfiguration, .storeMismatch, .invalid, .unsupported,
        ]
        let advice: String
        switch error.code {
        case .unavailable, .timedOut:
            advice = "See that a nats-server with JetStream runs at nats.servers; `tertib doctor` looks closer."
        case .authentication, .notPermitted:
            advice = "Check nats.authentication, and the permissions of that user."
        case .streamGone, .consumerGone:
            advice = "See `nats stream ls` and `nats consumer ls`; \"manage\": \"create\" creates what is missing."
        case .tooLarge:
            advice = "Publish a smaller event: keep large data elsewhere, and its address in the event."
        case .full:
            advice = "Raise the stream's limits, or the broker's storage."
        default:
            advice = "`tertib doctor` looks closer."
        }
        self.init(
            status: unusable.contains(error.code) ? .unusable : .wrong, code: Self.kebab("\(error.code)"),
            what: "could not \(error.attempted)", why: error.reason, next: error.advice ?? advice)
    }

    init(_ error: StoreError) {
        let advice =
            error.code == .schema
            ? "Run `tertib migrate`, or use the version of tertib that made the tables."
            : "Try again; `tertib doctor` looks closer."
        self.init(
            status: [.schema, .unsafeConfiguration].contains(error.code) ? .unusable : .wrong,
            code: Self.kebab("\(error.code)"), what: "could not \(error.attempted)", why: error.reason,
            next: error.advice ?? advice)
    }

    init(_ error: PublishingError) {
        let unusable: [PublishingError.Code] = [.notOwner, .wrongWay, .invalidEvent, .unsafeStream]
        let advice =
            error.code == .timedOut
            ? "Wait longer with --timeout; `tertib explain TYPE/ID` tells what stands in the way."
            : "Correct it, and try again."
        self.init(
            status: unusable.contains(error.code) ? .unusable : .wrong, code: Self.kebab("\(error.code)"),
            what: "could not \(error.attempted)", why: error.reason, next: error.advice ?? advice)
    }

    init(_ error: ConsumerError) {
        self.init(
            status: .unusable, code: Self.kebab("\(error.code)"), what: "consumer \(error.consumer) cannot run",
            why: error.reason, next: error.advice ?? "Correct the configuration.")
    }

    /// `streamGone` as `stream-gone`.
    private static func kebab(_ code: String) -> String {
        code.reduce(into: "") { name, character in
            if character.isUppercase { name += "-" }
            name += character.lowercased()
        }
    }
}
