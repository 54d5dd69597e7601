import Foundation
import ShopEvents
import ShopService
import Synchronization
import Tertib

/// Publishes what no careful service would: the suppliers' offers out of version order, some of them twice, and second
/// copies of whatever the services have published, long after the first.
///
/// The broker recognises duplicates by their `Nats-Msg-Id` for two minutes, so an honest duplicate would never be seen
/// in a short demo. A second copy therefore spells its event id with one more byte percent-encoded: the same id by the
/// CloudEvents binding, and another one to the broker, which stores it.
final class HostilePublisher: Sendable {
    private let tertib: EventBus
    private let workload: Workload
    private let length: Duration
    private let codec: WireCodec
    private let stored = Mutex(0)

    /// Creates a publisher.
    /// - Parameter tertib: whose log to publish to.
    /// - Parameter length: how long it takes its time.
    init(tertib: EventBus, workload: Workload, length: Duration) {
        self.tertib = tertib
        self.workload = workload
        self.length = length
        codec = WireCodec(namespace: tertib.options.namespace)
    }

    /// Copies that the stream has stored beside their originals.
    var duplicates: Int { stored.withLock { $0 } }

    /// Publishes everything, evenly over its time; what is late is made up for.
    func run() async throws {
        let offers = workload.offerMessages()
        let copies = max(10, workload.events / 20)
        var random = SeededGenerator(seed: workload.seed, topic: "copies")
        let start = ContinuousClock.now
        let pace = length / (offers.count + copies)
        var (offered, copied) = (0, 0)
        while offered + copied < offers.count + copies {
            try await Task.sleep(until: start + pace * (offered + copied), clock: .continuous)
            if offered * copies <= copied * offers.count {
                try await publish(offers[offered], offered)
                offered += 1
            } else {
                try await publishCopy(at: random.fraction(), number: copied)
                copied += 1
            }
        }
    }

    private func publish(_ offer: Workload.OfferMessage, _ number: Int) async throws {
        let aggregate = try Aggregate.offer(offer.product)
        guard let version = AggregateVersion(offer.version) else { return }
        let envelope = Envelope(
            id: try EventID("supplier-\(offer.product)-\(offer.version)"), source: try EventSource("/supplier"),
            type: try EventType(OfferChanged.eventType), aggregate: aggregate, version: version,
            body: Array(try JSONEncoder().encode(OfferChanged(cost: offer.cost))))
        var message = codec.encode(envelope)
        if offer.isDuplicate { message = Self.respelled(message, number) }
        let isStored = try await store(message)
        if offer.isDuplicate, isStored { stored.withLock { $0 += 1 } }
    }

    /// Publishes a message of the stream a second time.
    /// - Parameter fraction: which one: 0 is the oldest, 1 the newest.
    private func publishCopy(at fraction: Double, number: Int) async throws {
        while true {
            do {
                let last = try await tertib.log.state().lastSequence.number
                let sequence = StreamSequence(1 + UInt64(fraction * Double(last)))
                guard let original = try await tertib.log.message(at: sequence, from: .anyReplica) else { return }
                if try await store(Self.respelled(original.message, number)) { stored.withLock { $0 += 1 } }
                return
            } catch let error as EventLogError where error.isRetriable {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Publishes without any expectation, until the stream has it. Returns whether it was not there before.
    private func store(_ message: WireMessage) async throws -> Bool {
        while true {
            switch await tertib.log.publish(message, expecting: .any) {
            case .stored(_, let isDuplicate):
                return !isDuplicate
            case .unexpected:
                return false  // nothing was expected
            case .refused(let error), .unknown(let error):
                guard error.isRetriable else { throw error }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// The same event, its id spelled otherwise, without what only the first publisher may say.
    static func respelled(_ message: WireMessage, _ number: Int) -> WireMessage {
        var copy = message
        copy.headers.removeAll { field in
            String(decoding: field.name.prefix(5), as: UTF8.self).lowercased() == "nats-"
        }
        for index in copy.headers.indices where copy.headers[index].isNamed(Header.id) {
            let value = copy.headers[index].value
            let plain = value.indices.filter { isLetterOrDigit(value[$0]) && !isEscaped(value, at: $0) }
            guard !plain.isEmpty else { continue }
            let place = plain[number % plain.count]
            let digits = String(value[place], radix: 16, uppercase: true)
            copy.headers[index].value.replaceSubrange(place...place, with: Array("%\(digits)".utf8))
        }
        return copy
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    /// Whether the byte is one of the two digits after a percent sign.
    private static func isEscaped(_ value: [UInt8], at index: Int) -> Bool {
        value[max(0, index - 2)..<index].contains(UInt8(ascii: "%"))
    }
}
