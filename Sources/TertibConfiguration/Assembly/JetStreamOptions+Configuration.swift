import TertibCore
import TertibRuntime
public import TertibJetStream

extension ServiceConfiguration {
    /// How to reach the broker, and what is expected of the stream there.
    public var jetStreamOptions: JetStreamOptions {
        JetStreamOptions(
            servers: nats.servers.map(\.url), stream: stream.name, namespace: stream.namespace,
            authentication: nats.authentication, tls: nats.tls, inboxPrefix: nats.inboxPrefix,
            apiPrefix: nats.apiPrefix, clientName: "tertib-\(service)", management: stream.manage,
            replicas: stream.replicas,
            shortestMaximumAge: consumers.values.map(\.gapLimit).max() ?? .seconds(600))
    }
}
