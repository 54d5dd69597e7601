extension SimulationOptions {
    /// Reads options; what a file does not name is plain, so that it stays good when options are added.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(plain: try container.decode(UInt64.self, forKey: .seed))
        func read<Value: Decodable>(_ path: WritableKeyPath<Self, Value>, _ key: CodingKeys) throws {
            if let value = try container.decodeIfPresent(Value.self, forKey: key) { self[keyPath: path] = value }
        }
        try read(\.isolation, .isolation)
        try read(\.replicas, .replicas)
        try read(\.aggregates, .aggregates)
        try read(\.events, .events)
        try read(\.staged, .staged)
        try read(\.appends, .appends)
        try read(\.milliseconds, .milliseconds)
        try read(\.meetsAtRows, .meetsAtRows)
        try read(\.shuffleWindow, .shuffleWindow)
        try read(\.deliveryWindow, .deliveryWindow)
        try read(\.duplicates, .duplicates)
        try read(\.doubleDeliveries, .doubleDeliveries)
        try read(\.lostAnswers, .lostAnswers)
        try read(\.hotKey, .hotKey)
        try read(\.crashes, .crashes)
        try read(\.kills, .kills)
        try read(\.brokerOutages, .brokerOutages)
        try read(\.databaseOutages, .databaseOutages)
        try read(\.cuts, .cuts)
        try read(\.unknownCommits, .unknownCommits)
        try read(\.conflicts, .conflicts)
        try read(\.refusals, .refusals)
        try read(\.failingSteps, .failingSteps)
        try read(\.lostPublishes, .lostPublishes)
        try read(\.pauses, .pauses)
        try read(\.clockJumps, .clockJumps)
        try read(\.stoppedClocks, .stoppedClocks)
        try read(\.hasSkew, .hasSkew)
        try read(\.scaling, .scaling)
        try read(\.failing, .failing)
        try read(\.poison, .poison)
        try read(\.forks, .forks)
        try read(\.malformed, .malformed)
        try read(\.forgotten, .forgotten)
        try read(\.skips, .skips)
        try read(\.trims, .trims)
        try read(\.lostTails, .lostTails)
        try read(\.restores, .restores)
        try read(\.recreations, .recreations)
        try read(\.batch, .batch)
        try read(\.acknowledgementWait, .acknowledgementWait)
        try read(\.gapHold, .gapHold)
        try read(\.maxParkedPerAggregate, .maxParkedPerAggregate)
        try read(\.maxAttempts, .maxAttempts)
        try read(\.stickiness, .stickiness)
        try read(\.slowness, .slowness)
        try read(\.haste, .haste)
    }
}

extension SimulationPlan {
    /// Reads a plan; what a file does not name is not there.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            options: try container.decode(SimulationOptions.self, forKey: .options),
            events: try container.decodeIfPresent([Event].self, forKey: .events) ?? [],
            staged: try container.decodeIfPresent([Staged].self, forKey: .staged) ?? [],
            appended: try container.decodeIfPresent([Appended].self, forKey: .appended) ?? [],
            failing: try container.decodeIfPresent([Failing].self, forKey: .failing) ?? [],
            disturbances: try container.decodeIfPresent([Disturbance].self, forKey: .disturbances) ?? [],
            schedule: try container.decodeIfPresent(Choices.self, forKey: .schedule),
            broker: try container.decodeIfPresent(Choices.self, forKey: .broker))
    }
}
