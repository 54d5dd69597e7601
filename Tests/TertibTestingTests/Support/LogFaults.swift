import TertibRuntime
import TertibCore

@testable import TertibTesting

// One rule of the contract broken at a time: the suite has to notice each.

/// Publishing that forgets what was expected.
final class ExpectsNothing: ForwardingLog, @unchecked Sendable {
    override func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        await base.publish(message, expecting: .any)
    }
}

/// Publishing under a new id each time.
final class RenamesEvents: ForwardingLog, @unchecked Sendable {
    override func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        var renamed = message
        for index in renamed.headers.indices where renamed.headers[index].isNamed(Header.id) {
            renamed.headers[index].value += Array("-\(UInt64.random(in: .min ... .max))".utf8)
        }
        return await base.publish(renamed, expecting: expectation)
    }
}

/// Publishing that drops the body.
final class DropsBodies: ForwardingLog, @unchecked Sendable {
    override func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        await base.publish(WireMessage(subject: message.subject, headers: message.headers), expecting: expectation)
    }
}

/// The first message on a subject, wherever the search should have begun.
final class SearchesFromTheStart: ForwardingLog, @unchecked Sendable {
    override func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await base.firstMessage(on: subject, from: StreamSequence(1), source: source)
    }
}

/// The first message on a subject for the last.
final class ReadsTheFirst: ForwardingLog, @unchecked Sendable {
    override func lastMessage(
        on subject: String, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await base.firstMessage(on: subject, from: StreamSequence(1), source: source)
    }
}

/// A filter that is accepted and dropped, as nats-server 2.9 does with `filter_subjects`.
final class DropsFilters: ForwardingLog, @unchecked Sendable {
    override func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        var unfiltered = subscription
        unfiltered.onlyType = nil
        return try await base.subscribe(unfiltered)
    }
}

/// A durable consumer that anybody's database may share.
final class SharesWithAnybody: ForwardingLog, @unchecked Sendable {
    override func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        var careless = subscription
        careless.takesOver = true
        return try await base.subscribe(careless)
    }
}

/// A limit of unanswered deliveries that nobody set.
final class NeverFull: ForwardingLog, @unchecked Sendable {
    override func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        var boundless = subscription
        boundless.maxAcknowledgementPending = 100_000
        return try await base.subscribe(boundless)
    }
}

/// A wrapper that breaks one rule of the deliveries.
final class BreaksAnswers: ForwardingLog, @unchecked Sendable {
    override func wrap(_ source: any DeliverySource) -> any DeliverySource { Source(source) }

    /// Negative acknowledgements without their delay, in-progress left out.
    final class Source: ForwardingSource, @unchecked Sendable {
        override func answer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) async {
            switch answer {
            case .negativeAcknowledge: await base.answer(.negativeAcknowledge(delay: .zero), to: deliveries)
            case .inProgress: return
            case .acknowledge: await base.answer(answer, to: deliveries)
            }
        }
    }
}

/// Acknowledgements that never arrive.
final class LosesAcknowledgements: ForwardingLog, @unchecked Sendable {
    override func wrap(_ source: any DeliverySource) -> any DeliverySource { Source(source) }

    final class Source: ForwardingSource, @unchecked Sendable {
        override func answer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) async {
            if answer != .acknowledge { await base.answer(answer, to: deliveries) }
        }
    }
}

/// Deliveries that all call themselves the first, and ignore how many were asked for.
final class DeliversCarelessly: ForwardingLog, @unchecked Sendable {
    override func wrap(_ source: any DeliverySource) -> any DeliverySource { Source(source) }

    final class Source: ForwardingSource, @unchecked Sendable {
        override func next(upTo limit: Int, waiting wait: Duration) async throws(EventLogError) -> [Delivery] {
            try await base.next(upTo: limit + 1, waiting: wait).map { delivery in
                Delivery(
                    message: delivery.message, sequence: delivery.sequence, attempt: 1, pending: delivery.pending,
                    storedAt: delivery.storedAt, replyToken: delivery.replyToken)
            }
        }
    }
}

/// Deliveries that keep what was not taken.
final class KeepsTheRest: ForwardingLog, @unchecked Sendable {
    override func wrap(_ source: any DeliverySource) -> any DeliverySource { Source(source) }

    final class Source: ForwardingSource, @unchecked Sendable {
        override func suspend() async -> [Delivery] {
            _ = await base.suspend()
            return []
        }
        override func close() async { _ = await base.suspend() }
    }
}
