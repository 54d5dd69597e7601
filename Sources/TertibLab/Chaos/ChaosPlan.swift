import TertibCore
import ShopService
import TertibRuntime
import TertibTesting

/// Everything about a run that follows from its options alone: how much is published by whom, and what goes wrong when.
struct ChaosPlan: Hashable, Sendable {
    /// One fault.
    struct Fault: Hashable, Sendable {
        /// When, from the start of the load.
        let at: Duration
        /// What.
        let kind: Kind
        /// For how long.
        let length: Duration
    }

    /// A kind of fault, with what else was drawn for it. A replica is named by a number that the run takes modulo those
    /// that there are.
    enum Kind: Hashable, Sendable {
        /// `kill -9`.
        case kill(replica: Int)
        /// `kill -9`, and once more by itself at a call of its ports.
        case crash(replica: Int, CrashSite, count: Int)
        /// `kill -9` at an acknowledgement, before the broker sees it.
        case killAtAcknowledgement(replica: Int, after: Int)
        /// SIGSTOP, and SIGCONT later than the acknowledgement wait.
        case pause(replica: Int)
        /// SIGTERM, and a new start.
        case terminate(replica: Int)
        /// SIGTERM of the broker.
        case restartBroker
        /// `kill -9` of the broker.
        case killBroker
        /// The replica's connection is closed, new ones too.
        case cut(replica: Int)
        /// Everything takes longer.
        case slow(replica: Int, delay: Duration)
        /// Nothing passes, and nobody is told.
        case stall(replica: Int)
        /// The broker sees the end of the connection, the replica does not.
        case halfOpen(replica: Int)
        /// A share of the acknowledgements never arrives.
        case loseAcknowledgements(replica: Int, share: Double)
        /// Another number of replicas; some go by SIGTERM, some by `kill -9`.
        case scale(to: Int)
        /// The replica may open no more files, or have no more memory.
        case exhaust(replica: Int, ProcessLimit)
        /// The database's disk is full.
        case fillDisk
        /// The broker's disk is full; afterwards the broker is killed and started again.
        case fillBrokerDisk
        /// The database server ends without a checkpoint, as by `pg_ctl stop -m immediate`.
        case restartDatabase
        /// A share of the replicas' connections is ended by the server.
        case killBackends(share: Double)
        /// The connection is cut at so many commits, which reach the server or do not.
        case cutCommits(replica: Int, count: Int, isForwarded: Bool)
        /// The server lets in so few.
        case limitConnections(to: Int)
        /// Everything between replica and database takes longer.
        case slowDatabase(replica: Int, delay: Duration)

        /// Whether broker or database are away, or of no use.
        var isOutage: Bool {
            switch self {
            case .restartBroker, .killBroker, .fillBrokerDisk, .fillDisk, .restartDatabase, .limitConnections: true
            case .kill, .crash, .killAtAcknowledgement, .pause, .terminate, .cut, .slow, .stall, .halfOpen,
                .loseAcknowledgements, .scale, .exhaust, .killBackends, .cutCommits, .slowDatabase:
                false
            }
        }
    }

    /// The faults, by time.
    let faults: [Fault]
    /// Events of the foreign publisher.
    let foreign: Int
    /// Events staged by the replicas.
    let staged: Int
    /// Events appended by the replicas.
    let appended: Int

    /// How long the broker waits for an acknowledgement.
    static let acknowledgementWait: Duration = .seconds(2)
    /// One fault in so much time, about.
    private static let pace: Duration = .milliseconds(1500)
    /// At most so many events a second are staged, and so many appended.
    private static let (mostStaged, mostAppended) = (60.0, 40.0)

    init(_ options: ChaosOptions) {
        // Only the foreign publisher waits for the replicas: so most of a great load is its.
        let seconds = options.length / .seconds(1)
        staged = max(10, min(options.events * 12 / 100, Int(seconds * Self.mostStaged)))
        appended = max(10, min(options.events * 8 / 100, Int(seconds * Self.mostAppended)))
        // One in seven foreign events is answered with another one.
        foreign = max(50, (options.events - staged - appended) * 7 / 8)
        var random = SeededGenerator(seed: options.seed, topic: "chaos")
        var kinds = Self.deck(options.store, &random)
        let number = max(kinds.count, Int(options.length / Self.pace))
        while kinds.count < number { kinds += Self.deck(options.store, &random) }
        faults = kinds.prefix(number).enumerated().map { index, kind in
            let place = (Double(index) + random.fraction()) / Double(number)
            return Fault(
                at: options.length * (0.04 + 0.9 * place), kind: kind, length: Self.length(of: kind, &random))
        }
    }

    /// Every kind once, in another order each time, so that a short run meets all of them.
    private static func deck(_ store: ChaosOptions.Store, _ random: inout SeededGenerator) -> [Kind] {
        func replica() -> Int { Int.random(in: 0..<64, using: &random) }
        func crash() -> Kind {
            let sites = CrashSite.named.map(\.value)
            return .crash(
                replica: replica(), sites[Int.random(in: 0..<sites.count, using: &random)],
                count: .random(in: 1...20, using: &random))
        }
        let kinds: [Kind] = [
            .kill(replica: replica()), crash(), crash(),
            .killAtAcknowledgement(replica: replica(), after: .random(in: 1...20, using: &random)),
            .killAtAcknowledgement(replica: replica(), after: .random(in: 20...200, using: &random)),
            .pause(replica: replica()), .terminate(replica: replica()), .restartBroker, .killBroker,
            .cut(replica: replica()),
            .slow(replica: replica(), delay: .milliseconds(.random(in: 5...200, using: &random))),
            .stall(replica: replica()), .halfOpen(replica: replica()),
            .loseAcknowledgements(replica: replica(), share: 0.1 + 0.5 * random.fraction()),
            .scale(to: .random(in: 1...ChaosOptions.mostReplicas, using: &random)), .fillBrokerDisk,
            .exhaust(replica: replica(), .descriptors), .exhaust(replica: replica(), .memory),
        ]
        return (kinds + ofDatabase(store, &random)).shuffled(using: &random)
    }

    /// The kinds that only one database knows.
    private static func ofDatabase(_ store: ChaosOptions.Store, _ random: inout SeededGenerator) -> [Kind] {
        func replica() -> Int { Int.random(in: 0..<64, using: &random) }
        switch store {
        case .sqlite: return [.fillDisk]
        case .server: return [.killBackends(share: 0.7), .limitConnections(to: .random(in: 1...4, using: &random))]
        case .postgres:
            return [
                .restartDatabase, .fillDisk, .killBackends(share: 0.7),
                .cutCommits(replica: replica(), count: .random(in: 4...12, using: &random), isForwarded: true),
                .cutCommits(replica: replica(), count: .random(in: 4...12, using: &random), isForwarded: false),
                .limitConnections(to: .random(in: 1...4, using: &random)),
                .slowDatabase(replica: replica(), delay: .milliseconds(.random(in: 2...60, using: &random))),
            ]
        }
    }

    private static func length(of kind: Kind, _ random: inout SeededGenerator) -> Duration {
        func milliseconds(_ range: ClosedRange<Int>) -> Duration {
            .milliseconds(Int.random(in: range, using: &random))
        }
        return switch kind {
        case .kill, .crash, .killAtAcknowledgement, .terminate: milliseconds(50...600)
        case .pause: acknowledgementWait + milliseconds(300...2500)
        case .restartBroker, .killBroker: milliseconds(100...1500)
        case .cut: milliseconds(200...3000)
        case .slow, .loseAcknowledgements, .exhaust: milliseconds(1000...4000)
        case .stall, .halfOpen: milliseconds(500...5000)
        case .scale, .killBackends: .zero
        case .fillDisk, .fillBrokerDisk: milliseconds(500...2500)
        case .restartDatabase: milliseconds(50...1500)
        case .cutCommits, .limitConnections, .slowDatabase: milliseconds(1000...4000)
        }
    }
}
