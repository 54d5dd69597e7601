import TertibLab

extension Workspace {
    /// Writes the JSON files of all services and of the wrong ways.
    func writeConfigurations(brokerURL: String, _ databases: DemoDatabases) throws {
        for role in Role.allCases {
            try write(
                Self.configuration(of: role, brokerURL: brokerURL, store: databases.configuration(of: role)),
                to: role.file)
        }
    }

    /// A service's JSON file: as in `deploy/shop`, with a shorter acknowledgement wait, so that what a killed replica
    /// had in hand is delivered again while somebody watches.
    ///
    /// Where its database is stands in `store`, and nowhere else.
    static func configuration(of role: Role, brokerURL: String, store: String) -> String {
        """
        {
          "service": "\(role.rawValue)",
          "nats": { "servers": ["\(brokerURL)"] },
          "stream": { "name": "SHOP", "namespace": "shop" },
          "store": \(store),
          "consumers": { \(consumers(of: role)) },
          "publishes": { \(role.owns.map { "\"\($0)\": \"outbox\"" }.joined(separator: ", ")) },
          "log": { "level": "notice" }
        }
        """
    }

    private static func consumers(of role: Role) -> String {
        role.consumers.map { name, types in
            let aggregates = types.map { "\"\($0)\": {}" }.joined(separator: ", ")
            return "\"\(name)\": { \"aggregates\": { \(aggregates) }, \"acknowledgementWait\": \"3s\" }"
        }.joined(separator: ", ")
    }
}

extension Role {
    /// The aggregate types that it publishes.
    var owns: [String] {
        switch self {
        case .catalog: ["product", "reservation"]
        case .orders: ["order"]
        case .payments: ["payment"]
        case .lastWriteWins, .versionCheck: []
        }
    }

    /// Its Tertib consumers, with the aggregate types that each applies.
    var consumers: [(name: String, types: [String])] {
        switch self {
        case .catalog: [("orders", ["order"]), ("offers", ["offer"])]
        case .orders: [("products", ["product"]), ("fulfilment", ["reservation", "payment"])]
        case .payments: [("orders", ["order"])]
        case .lastWriteWins, .versionCheck: []
        }
    }

    /// The names of its JetStream consumers.
    var durableNames: [String] {
        switch self {
        case .catalog, .orders, .payments: consumers.map { "\(rawValue)-\($0.name)" }
        case .lastWriteWins, .versionCheck: ["product", "offer"].map { "\(rawValue)-\($0)" }
        }
    }
}
