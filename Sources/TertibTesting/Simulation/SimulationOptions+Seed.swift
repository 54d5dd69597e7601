import TertibCore

extension SimulationOptions {
    /// What a seed stands for. Each run has a random half of the faults, else rare pairs of them would never meet alone.
    public init(seed: UInt64) {
        self.init(plain: seed)
        var draw = SeededGenerator(seed: seed ^ 0x7E27_1B00)
        isolation = draw.happens(0.6) ? .readCommitted : .serial
        replicas = draw.happens(0.1) ? draw.number(4...8) : draw.number(1...3)
        aggregates = draw.happens(0.1) ? draw.number(10...40) : draw.number(1...5)
        events = draw.happens(0.1) ? draw.number(60...160) : draw.number(4...40)
        staged = draw.happens(0.5) ? draw.number(1...12) : 0
        milliseconds = draw.number(500...4000)
        batch = draw.happens(0.2) ? draw.number(1...4) : draw.number(8...64)
        acknowledgementWait = draw.number(800...2500)
        gapHold = draw.number(0...150)
        meetsAtRows = draw.happens(0.3)
        stickiness = draw.pick([0, 0, 0.5, 0.9])
        slowness = draw.pick([0, 0.1, 0.3, 0.6])
        if meetsAtRows {
            (isolation, replicas, slowness) = (.readCommitted, max(2, replicas), max(0.3, slowness))
        }
        haste = draw.pick([0, 0, 0, 0.002, 0.02])
        drawDeliveryFaults(&draw)
        drawOutages(&draw)
        drawHostileEvents(&draw)
        if draw.happens(0.5) { appends = draw.number(1...10) }
        drawAccidents(&draw)
    }

    private mutating func drawDeliveryFaults(_ draw: inout SeededGenerator) {
        if draw.happens(0.5) { shuffleWindow = draw.pick([2, 4, 16, 1000]) }
        if draw.happens(0.5) { deliveryWindow = draw.pick([2, 4, 16, 256]) }
        if draw.happens(0.5) { duplicates = draw.pick([0.05, 0.2, 0.5]) }
        if draw.happens(0.5) { doubleDeliveries = draw.pick([0.05, 0.2]) }
        if draw.happens(0.5) { lostAnswers = draw.pick([0.02, 0.2]) }
        if draw.happens(0.3) { hotKey = 0.9 }
        if draw.happens(0.5) { forgotten = draw.number(0...2) }
        if draw.happens(0.1) { trims = 1 }
    }

    private mutating func drawOutages(_ draw: inout SeededGenerator) {
        if draw.happens(0.5) { crashes = draw.number(1...6) }
        if draw.happens(0.5) { kills = draw.number(1...3) }
        if draw.happens(0.3) { brokerOutages = draw.number(1...2) }
        if draw.happens(0.3) { databaseOutages = draw.number(1...2) }
        if draw.happens(0.3) { cuts = draw.number(1...2) }
        if draw.happens(0.5) { unknownCommits = draw.number(1...4) }
        if draw.happens(0.5) { conflicts = draw.number(1...4) }
        if draw.happens(0.2) { refusals = 1 }
        if draw.happens(0.4) { failingSteps = draw.number(1...6) }
        if draw.happens(0.5) { lostPublishes = draw.number(1...4) }
        if draw.happens(0.3) { pauses = draw.number(1...2) }
        if draw.happens(0.3) { clockJumps = draw.number(1...2) }
        hasSkew = draw.happens(0.3)
        if draw.happens(0.3) { scaling = draw.number(1...3) }
    }

    private mutating func drawAccidents(_ draw: inout SeededGenerator) {
        if draw.happens(0.15) { lostTails = draw.number(1...2) }
        if draw.happens(0.05) { restores = 1 }
        if draw.happens(0.07) { recreations = 1 }
        // A database whose clock jumps ahead holds published rows no longer, and nothing can be published again; a refused
        // commit may make a dead letter of any message, and a dead letter is known by its sequence, which is used again.
        if lostTails + restores > 0 { (clockJumps, refusals) = (0, 0) }
        if draw.happens(0.2) { stoppedClocks = draw.number(1...2) }
        // Only a later version tells of one that was passed over, and it must not be lost itself; of a fork that was
        // passed over nothing tells.
        if draw.happens(0.3), lostTails + restores + recreations + forks == 0 { skips = draw.number(1...3) }
    }

    private mutating func drawHostileEvents(_ draw: inout SeededGenerator) {
        if draw.happens(0.4) { failing = draw.number(1...3) }
        if draw.happens(0.2) { poison = draw.number(1...2) }
        if draw.happens(0.2) { forks = draw.number(1...2) }
        if draw.happens(0.3) { malformed = draw.number(1...3) }
        maxAttempts = draw.number(3...5)
        if draw.happens(0.15) { maxParkedPerAggregate = draw.number(2...6) }
    }
}

extension SeededGenerator {
    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// One of the values, which must not be empty.
    mutating func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &self)] }
}
