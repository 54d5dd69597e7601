import Tertib
import ShopService

/// What goes wrong and when, drawn from a seed before anything starts.
public struct FaultPlan: Hashable, Sendable {
    /// One fault.
    public struct Fault: Hashable, Sendable {
        /// When, from the start of the load.
        public let at: Duration
        /// What.
        public let kind: Kind
        /// How long what was ended stays away.
        public let pause: Duration
    }

    /// A kind of fault.
    public enum Kind: Hashable, Sendable {
        /// `kill -9` of one replica of a service, and of the replica with the same number of both wrong ways.
        case kill(Role, replica: Int)
        /// `kill -9` of the broker.
        case restartBroker
    }

    /// The faults, by time.
    public let faults: [Fault]

    /// Draws a plan for a load of a length.
    public init(seed: UInt64, replicas: Int, loadLength: Duration) {
        var random = SeededGenerator(seed: seed, topic: "faults")
        let kills = max(Role.services.count, min(12, Int(loadLength / .seconds(1)) * 3 / 4))
        var faults: [Fault] = []
        for number in 0..<kills {
            // Evenly spread, and each a little off its place, so that a small plan has early and late faults too.
            let place = (Double(number) + random.fraction()) / Double(kills)
            let role = Role.services[number % Role.services.count]
            faults.append(
                Fault(
                    at: loadLength * (0.1 + 0.8 * place),
                    kind: .kill(role, replica: Int.random(in: 0..<replicas, using: &random)),
                    pause: .milliseconds(.random(in: 200...700, using: &random))))
        }
        faults.append(
            Fault(
                at: loadLength * (0.4 + 0.2 * random.fraction()), kind: .restartBroker,
                pause: .milliseconds(.random(in: 300...800, using: &random))))
        self.faults = faults.sorted { $0.at < $1.at }
    }
}
