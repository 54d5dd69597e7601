/// One aggregate's story: what the stream has, what each consumer has applied, and what waits.
public struct Explanation: Hashable, Sendable {
    /// The aggregate.
    public let aggregate: Aggregate
    /// What the stream has.
    public let stream: StreamPart
    /// The service's consumers that consume its type, by name.
    public let consumers: [ConsumerPart]
    /// Its events that are staged and not published, by position.
    public let outbox: [OutboxRow]
    /// The last staged or appended version, where this service writes the aggregate.
    public let head: AggregateHead?
    /// When this was read, by the database's clock.
    public let readAt: Timestamp

    package init(
        aggregate: Aggregate, stream: StreamPart, consumers: [ConsumerPart], outbox: [OutboxRow],
        head: AggregateHead?, readAt: Timestamp
    ) {
        self.aggregate = aggregate
        self.stream = stream
        self.consumers = consumers
        self.outbox = outbox
        self.head = head
        self.readAt = readAt
    }

    /// What the stream has of an aggregate.
    public struct StreamPart: Hashable, Sendable {
        /// The highest well-formed version; 0 when there is none.
        public let lastVersion: AggregateVersion
        /// The sequence of the last message on the subject, whatever it is; 0 when there is none.
        public let lastSequence: StreamSequence
        /// The type of the last message's event, where it is well-formed.
        public let lastType: EventType?
        /// When the stream stored the last message.
        public let lastStoredAt: Timestamp?

        package init(
            lastVersion: AggregateVersion, lastSequence: StreamSequence, lastType: EventType?, lastStoredAt: Timestamp?
        ) {
            self.lastVersion = lastVersion
            self.lastSequence = lastSequence
            self.lastType = lastType
            self.lastStoredAt = lastStoredAt
        }
    }

    /// What one consumer has of an aggregate.
    public struct ConsumerPart: Hashable, Sendable {
        /// The consumer.
        public let name: ConsumerName
        /// Its watermark; `nil` when it has none.
        public let watermark: Watermark?
        /// What is parked, by version.
        public let parked: [ParkedEvent]
        /// Open dead letters, newest first.
        public let deadLetters: [DeadLetter]
        /// Where the stream has the next version; `nil` when it has none, or when nothing is missing.
        public let next: StreamSequence?
        /// Everything at or below it was acknowledged; `nil` when the broker has no such durable.
        public let acknowledgedFloor: StreamSequence?

        package init(
            name: ConsumerName, watermark: Watermark?, parked: [ParkedEvent], deadLetters: [DeadLetter],
            next: StreamSequence?, acknowledgedFloor: StreamSequence?
        ) {
            self.name = name
            self.watermark = watermark
            self.parked = parked
            self.deadLetters = deadLetters
            self.next = next
            self.acknowledgedFloor = acknowledgedFloor
        }
    }
}

extension Explanation {
    /// The story in sentences, for people: what happened, and what happens next.
    public var story: [String] {
        [streamSentence] + consumers.flatMap(sentences) + outboxSentences
    }

    private var streamSentence: String {
        guard stream.lastSequence > .none else { return "The stream has no event of \(aggregate)." }
        guard stream.lastVersion > .none else {
            return "The stream has messages on the subject of \(aggregate), and none of them is well-formed."
        }
        let type = stream.lastType.map { ", \($0)," } ?? ""
        let time = stream.lastStoredAt.map { " of \($0)" } ?? ""
        return
            "The stream has \(aggregate) at version \(stream.lastVersion); its last message\(type) stands at sequence "
            + "\(stream.lastSequence)\(time)."
    }

    private func sentences(_ consumer: ConsumerPart) -> [String] {
        [watermarkSentence(consumer)] + waitingSentences(consumer)
            + consumer.deadLetters.map { deadLetter in
                let version = deadLetter.version.map { "version \($0)" } ?? "the message"
                return "\(consumer.name): \(version) at stream sequence \(deadLetter.streamSequence) is a dead letter "
                    + "(\(deadLetter.reason.rawValue)) since \(deadLetter.firstFailedAt): \(deadLetter.error)."
            }
    }

    private func watermarkSentence(_ consumer: ConsumerPart) -> String {
        let name = consumer.name
        guard let watermark = consumer.watermark, watermark.version > .none else {
            return stream.lastVersion > .none ? "\(name) has applied nothing yet." : "\(name) has nothing to apply."
        }
        if watermark.version > stream.lastVersion {
            return "\(name) has applied version \(watermark.version), which the stream does not have: it was removed "
                + "by age or by an administrator, or the broker has lost its tail. `tertib audit` shows which."
        }
        let event = watermark.eventID.map { " (event \($0), stream sequence \(watermark.streamSequence))" } ?? ""
        let verdict =
            watermark.version == stream.lastVersion
            ? ": it is up to date." : ", \(stream.lastVersion.number - watermark.version.number) behind the stream."
        return "\(name) has applied version \(watermark.version)\(event)\(verdict)"
    }

    private func waitingSentences(_ consumer: ConsumerPart) -> [String] {
        let applied = consumer.watermark?.version ?? .none
        guard applied < stream.lastVersion || !consumer.parked.isEmpty, let next = applied.next else { return [] }
        let name = consumer.name
        switch consumer.watermark?.status ?? .ok {
        case .quarantined:
            return [
                "\(name): version \(next) failed for good, so the aggregate is quarantined; \(parkedWords(consumer)) "
                    + "behind it until an operator decides."
            ]
        case .retrying:
            return [retrySentence(consumer, next)]
        case .gap, .stuck:
            return [gapSentence(consumer, next)]
        case .ok:
            guard let place = consumer.next else {
                return ["\(name): version \(next) is not in the stream; nothing can be applied before it is."]
            }
            if let floor = consumer.acknowledgedFloor, place <= floor {
                return [
                    "\(name): version \(next) at stream sequence \(place) was acknowledged and not applied. This should "
                        + "not be: run `tertib audit`, and keep the database for the report."
                ]
            }
            return ["\(name): version \(next) at stream sequence \(place) is still to be delivered."]
        }
    }

    private func retrySentence(_ consumer: ConsumerPart, _ next: AggregateVersion) -> String {
        let row = consumer.parked.first { $0.version == next }
        let attempts = row?.attempts ?? 0
        let time = row?.nextAttemptAt.map { " The next attempt is due at \($0)." } ?? ""
        let error = row?.error.map { ": \($0)." } ?? "."
        return "\(consumer.name): the handler of version \(next) failed \(attempts == 1 ? "once" : "\(attempts) times")"
            + "\(error)\(time)"
    }

    private func gapSentence(_ consumer: ConsumerPart, _ next: AggregateVersion) -> String {
        let since = consumer.parked.map(\.parkedAt).min().map { " since \($0)" } ?? ""
        let place =
            consumer.next.map { "the stream has it at sequence \($0), and repair reads it from there" }
            ?? "the stream does not have it: it was never published, or removed, or its message is malformed"
        return "\(consumer.name): version \(next) is missing, \(parkedWords(consumer)) for it\(since); \(place)."
    }

    private func parkedWords(_ consumer: ConsumerPart) -> String {
        switch consumer.parked.count {
        case 0: "nothing waits"
        case 1: "version \(consumer.parked[0].version) waits"
        case let count: "versions \(consumer.parked[0].version) to \(consumer.parked[count - 1].version) wait"
        }
    }

    private var outboxSentences: [String] {
        guard let first = outbox.first, let last = outbox.last else { return [] }
        let versions = first.version == last.version ? "\(first.version)" : "\(first.version) to \(last.version)"
        return ["The outbox holds version \(versions), staged since \(first.stagedAt) and not published yet."]
    }
}
