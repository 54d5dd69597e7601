/// What a machine asks of the event log. Its shell sends it and hands back the ``LogAnswer``.
///
/// Every read is answered by the stream's leader, because only the leader's "not there" proves anything.
package enum LogRequest: Hashable, Sendable {
    /// Publish a message behind the subject's last message; ``StreamSequence/none`` means that the subject is empty.
    case publish(WireMessage, expecting: StreamSequence)
    /// The message at a sequence.
    case message(at: StreamSequence)
    /// The first message on a subject behind a sequence.
    case nextMessage(on: String, after: StreamSequence)
    /// The last message on a subject.
    case lastMessage(on: String)
    /// The stream's state.
    case state
}

/// What the event log answered to a ``LogRequest``.
package enum LogAnswer: Hashable, Sendable {
    /// To a publish.
    case published(PublishOutcome)
    /// To a read of a message; `nil` when there is none.
    case message(LoggedMessage?)
    /// To a question for the stream's state.
    case state(StreamState)
    /// The request failed.
    case failed(EventLogError)
}
