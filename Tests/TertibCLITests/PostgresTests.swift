import Foundation
import Testing
import TestServers

#if PostgreSQL
    /// The verbs on a database of a server's: the configuration alone says so.
    struct PostgresTests {
        @Test("replicas of several processes keep one table, although one is killed and the server is restarted")
        func replicate() async throws {
            let bench = try await PostgresBench.start()
            var replicas = [try bench.replicate(), try bench.replicate()]
            for replica in replicas {
                try await waitUntil("the replica to run") { replica.errors.contains("is running") }
            }
            try await bench.publish(1...20, ids: 1...10)
            replicas.removeFirst()  // which kills it
            bench.cluster.kill()
            try await bench.publish(21...40, ids: 1...10)
            try await bench.cluster.restart()
            replicas.append(try bench.replicate())
            for id in 1...10 {
                let waited = try await bench.run("wait", "product/\(id)@40", "--timeout", "60s")
                #expect(waited.status == 0, "\(waited.errors)")
            }
            let audit = try await bench.run("audit", "--json")
            #expect(audit.status == 0, "\(audit.output)")
            for replica in replicas { replica.terminate() }
            for replica in replicas { #expect(try await replica.end().status == 0) }
            let rows = try bench.psql(
                "SELECT count(*), min(version), max(version), count(DISTINCT data) FROM tertib_replica")
            #expect(rows == "10|40|40|1")
            #expect(try bench.psql("SELECT count(*) FROM tertib_parked") == "0")
        }

        @Test("status, explain, migrate and doctor look into it")
        func look() async throws {
            let bench = try await PostgresBench.start()
            let missing = try await bench.run("doctor", "--json")
            #expect(missing.output.contains("store-schema"))
            #expect(try await bench.run("migrate").status == 0)
            try await bench.publish(1...3, ids: 1...1)
            let replica = try bench.replicate()
            #expect(try await bench.run("wait", "product/1@3").status == 0)
            replica.terminate()
            #expect(try await replica.end().status == 0)
            let status = try await bench.run("status", "--json")
            #expect(status.status == 0)
            #expect(status.output.contains("\"aggregates\":1"))
            let story = try await bench.run("explain", "product/1", "--json")
            #expect(story.output.contains("\"version\":3"))
            let doctor = try await bench.run("doctor", "--json")
            #expect(doctor.output.contains("PostgreSQL 1"))
            #expect(!doctor.output.contains("store-schema"))
            #expect(doctor.output.contains("store-durability"), "the tests' cluster runs without fsync")
            try bench.psql("ALTER DATABASE \(bench.database) SET synchronous_commit = off")
            let unsafe = try await bench.run("migrate")
            #expect(unsafe.status == 2)
            #expect(unsafe.errors.contains("synchronous_commit"))
        }

        @Test("a server that is away is waited for, which is said once")
        func away() async throws {
            let bench = try await PostgresBench.start()
            bench.cluster.stop()
            let replica = try bench.replicate()
            try await waitUntil("the replica to say that it waits") { replica.errors.contains("waits for it") }
            let looked = try await bench.run("doctor", "--json")
            #expect(looked.status == 1)
            #expect(looked.output.contains("store-open"))
            try await bench.cluster.restart()
            try await bench.publish(1...1, ids: 1...1)
            #expect(try await bench.run("wait", "product/1@1").status == 0)
            replica.terminate()
            let outcome = try await replica.end()
            #expect(outcome.status == 0)
            #expect(outcome.errors.components(separatedBy: "waits for it").count == 2)
        }
    }

    /// A service with a broker and a PostgreSQL server of its own.
    private struct PostgresBench: Sendable {
        let server: NatsServer
        let cluster: PostgresCluster
        let directory: TemporaryDirectory
        let configuration: String
        let database: String

        static func start() async throws -> PostgresBench {
            let (server, cluster) = (try await NatsServer.start(), try await PostgresCluster.start())
            let directory = try TemporaryDirectory()
            let database = try cluster.createDatabase()
            let configuration = try directory.write(
                """
                { "service": "trial", "nats": { "servers": ["\(server.url)"] },
                  "stream": { "name": "SHOP", "namespace": "shop", "manage": "create" },
                  "store": { "kind": "postgres", "url": "\(cluster.url(of: database, port: cluster.port))" },
                  "publishes": { "product": "append" } }
                """, to: "trial.json")
            return PostgresBench(
                server: server, cluster: cluster, directory: directory, configuration: configuration,
                database: database)
        }

        func run(_ arguments: String...) async throws -> Tool.Outcome {
            try await Tool.tertib.run(arguments + ["--config", configuration], within: .seconds(90))
        }

        func replicate() throws -> RunningTool { try Tool.tertib.start(["replicate", "--config", configuration]) }

        /// Publishes these versions of these aggregates with another store, so that it works while the server is away.
        func publish(_ versions: ClosedRange<Int>, ids: ClosedRange<Int>) async throws {
            let lines = versions.flatMap { version in
                ids.map { id in
                    #"{"aggregate":"product/\#(id)","type":"product.priced","data":\#(version),"#
                        + #""expectedVersion":\#(version - 1)}"#
                }
            }
            let file = try directory.write(lines.joined(separator: "\n") + "\n", to: "events.jsonl")
            let publisher = try directory.write(
                """
                { "service": "publisher", "nats": { "servers": ["\(server.url)"] },
                  "stream": { "name": "SHOP", "namespace": "shop", "manage": "create" },
                  "store": { "kind": "sqlite", "path": "publisher.sqlite" },
                  "publishes": { "product": "append" } }
                """, to: "publisher.json")
            let published = try await Tool.tertib.run("publish", "--config", publisher, "--file", file, "--json")
            guard published.status == 0 else { throw TestServerError(published.errors) }
        }

        @discardableResult
        func psql(_ statement: String) throws -> String { try cluster.psql(statement, database: database) }
    }
#endif
