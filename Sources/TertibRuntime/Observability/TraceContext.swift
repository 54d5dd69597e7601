import Instrumentation
import ServiceContextModule
import TertibCore
import Tracing

/// The W3C trace context of events: written once, when an event is made, and linked to when it is applied.
enum TraceContext {
    /// The trace context of the calling task, as the bootstrapped instrument writes it; empty without one.
    static var current: Causation {
        guard let context = ServiceContext.current else { return Causation() }
        var fields: [String: String] = [:]
        InstrumentationSystem.instrument.inject(context, into: &fields, using: Carrier())
        return Causation(traceParent: fields["traceparent"], traceState: fields["tracestate"])
    }

    /// Runs a batch in a span that links to the contexts in which its events were made, at most `linkLimit` of them.
    static func withSpan<Result: Sendable>(
        applying batch: Batch, consumer: ConsumerName, _ body: () async throws -> Result
    ) async throws -> Result {
        try await Tracing.withSpan("tertib apply", ofKind: .consumer) { span in
            span.attributes["messaging.system"] = "nats"
            span.attributes["messaging.operation.type"] = "process"
            span.attributes["messaging.batch.message_count"] = batch.count
            span.attributes["tertib.consumer"] = consumer.text
            for arrival in batch.arrivals.prefix(linkLimit) {
                guard let fields = arrival.envelope.causation.fields else { continue }
                var context = ServiceContext.topLevel
                InstrumentationSystem.instrument.extract(fields, into: &context, using: Carrier())
                span.addLink(SpanLink(context: context, attributes: [:]))
            }
            return try await body()
        }
    }

    private static let linkLimit = 128

    private struct Carrier: Injector, Extractor {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
            carrier[key] = value
        }

        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    }
}

extension Envelope {
    /// The causation of an event that this one led to.
    var cause: Causation {
        Causation(
            correlationID: causation.correlationID ?? id, causationID: id, traceParent: causation.traceParent,
            traceState: causation.traceState)
    }
}

extension Causation {
    fileprivate var fields: [String: String]? {
        guard let traceParent else { return nil }
        return ["traceparent": traceParent, "tracestate": traceState ?? ""]
    }
}
