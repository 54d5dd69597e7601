import Foundation

extension Workspace {
    /// The supervisor's own JSON file, with the broker's own address.
    var supervisorFile: String { path("supervisor.json") }

    /// Where the database is; perhaps a small disk.
    var databaseFolder: String { path("database") }

    /// The replicas' files of attempts.
    var attemptFiles: [String] {
        (1...ChaosOptions.mostReplicas).map { path("attempts-\($0).log") }
            .filter { FileManager.default.fileExists(atPath: $0) }
    }

    /// Writes the JSON files of supervisor and replicas.
    func writeLabConfigurations(brokerPort: Int, links: [NetworkProxy.Link], postgres: ChaosPostgres?) throws {
        let file = "{ \"kind\": \"sqlite\", \"path\": \"database/lab.sqlite\" }"
        let own = Self.labConfiguration(
            "nats://127.0.0.1:\(brokerPort)", store: postgres?.configuration(of: nil) ?? file)
        try write(own, to: "supervisor.json")
        for link in links {
            let store = postgres?.configuration(of: link.number) ?? file
            try write(Self.labConfiguration(link.url, store: store), to: "replica-\(link.number + 1).json")
        }
    }

    private static func labConfiguration(_ url: String, store: String) -> String {
        """
        {
          "service": "\(LabNames.service)",
          "nats": { "servers": ["\(url)"] },
          "stream": { "name": "\(LabNames.stream)", "namespace": "\(LabNames.namespace)" },
          "store": \(store),
          "consumers": {
            "\(LabNames.consumer)": {
              "acknowledgementWait": "\(Int(ChaosPlan.acknowledgementWait / .milliseconds(1)))ms",
              "gap": { "limit": "30s" },
              "retry": { "maxAttempts": 4, "initialDelay": "50ms", "maxDelay": "500ms" }
            }
          },
          "publishes": {
            "\(StagedLoad.type)": "outbox", "\(LedgerHandler.echoType)": "outbox", "\(AppendLoop.type)": "append"
          },
          "outbox": { "hold": "10s" },
          "log": { "level": "warning" }
        }
        """
    }
}
