import Logging

/// The names of the metrics: counters, each with the dimension `consumer`.
enum MetricName {
    /// Deliveries by `outcome`: applied, stale, waiting, parked, deadLettered, held, ignored, notAcknowledged.
    static let deliveries = "tertib_deliveries_total"
    /// Events applied by `origin`: delivery, drain, repair, retry.
    static let applied = "tertib_applied_total"
    /// Claims lost to another replica.
    static let conflicts = "tertib_conflicts_total"
    /// Failures of handlers.
    static let handlerFailures = "tertib_handler_failures_total"
    /// Pauses of a consumer.
    static let pauses = "tertib_pauses_total"
    /// Events published by the relay.
    static let published = "tertib_published_total"
    /// Publishes by the relay that did not succeed at once.
    static let publishRetries = "tertib_publish_retries_total"
}

/// The keys of structured log metadata.
enum LogKey {
    static let consumer = "tertib.consumer"
    static let aggregate = "tertib.aggregate"
    static let version = "tertib.version"
    static let eventID = "tertib.event_id"
    static let error = "tertib.error"
    static let attempts = "tertib.attempts"
    static let reason = "tertib.reason"
    static let sequence = "tertib.stream_sequence"
    static let subject = "tertib.subject"
    static let delay = "tertib.delay"
}
