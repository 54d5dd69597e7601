import Foundation
import TertibRuntime
import TertibPostgres
import TertibTesting
import TestServers
import Testing

@Suite("Connections to a PostgreSQL server")
struct ConnectionTests {
    @Test(
        "Connections to a PostgreSQL server with synchronous_commit = off are refused, because a commit could be lost")
    func durability() async throws {
        let database = try await TestDatabase.make(settings: ["synchronous_commit": "off"])
        let store = try database.open()
        let failure = await storeError { try await store.migrate() }
        #expect(failure?.code == .unsafeConfiguration)
        #expect(failure?.reason.contains("synchronous_commit") == true)
        #expect(failure?.isRetriable == false)
        await store.close()
    }

    @Test("Connections to a PostgreSQL server to a database with another encoding than UTF8 are refused")
    func encoding() async throws {
        let database = try await TestDatabase.make()
        try database.psql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        let store = try PostgresStore(options: PostgresOptions(url: database.cluster.url(of: "latin")))
        let failure = await storeError { try await store.migrate() }
        #expect(failure?.code == .unsafeConfiguration)
        #expect(failure?.reason.contains("LATIN1") == true)
        await store.close()
    }

    @Test(
        "Connections to a PostgreSQL server are not even tried with a URL that cannot be used, and it is not repeated",
        arguments: [
            "mysql://canary@db/orders", "postgresql://canary@db/orders?nonsense=1", "postgresql://u:canary@db/orders",
            "postgresql://u@db/orders?password=canary", "postgresql://u@db/orders\0canary", "canary",
        ])
    func urls(url: String) {
        let failure = storeError { _ = try PostgresStore(options: PostgresOptions(url: url)) }
        #expect(failure?.code == .unsafeConfiguration)
        #expect(failure?.description.contains("canary") == false)
    }

    @Test(
        "Connections to a PostgreSQL server take the password from a file, again for each of them, and TLS as the URL says"
    )
    func passwordAndTLS() async throws {
        let certificates = try TestCertificates()
        let cluster = try await PostgresCluster.start(
            certificates: certificates,
            access: "local all postgres trust\nhostssl all orders 127.0.0.1/32 scram-sha-256\n")
        try cluster.psql("CREATE ROLE orders LOGIN PASSWORD 'it''s canary'", "CREATE DATABASE orders OWNER orders")
        let folder = try TemporaryDirectory()
        let file = try folder.write("wrong\n", to: "password")
        let url = cluster.url(of: "orders", user: "orders", port: cluster.port)
        let verified = url + "?sslmode=verify-full&sslrootcert=" + certificates.authority
        let store = try PostgresStore(options: PostgresOptions(url: verified, passwordFile: file))
        let wrong = await storeError { try await store.migrate() }
        #expect(wrong?.code == .unavailable)
        #expect(wrong?.advice?.contains("password") == true)
        try folder.write("it's canary\n", to: "password")
        try await store.migrate()
        let isEncrypted = try await store.read { reader in
            try reader.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", arguments: []).first?["ssl"]
        }
        #expect(isEncrypted == .integer(1))
        await store.close()

        let options = PostgresOptions(url: verified, password: PostgresPassword("it's canary"))
        var dumped = ""
        dump(options, to: &dumped)
        #expect(!"\(options) \(String(reflecting: options)) \(dumped)".contains("canary"))
        let given = try PostgresStore(options: options)
        try await given.migrate()
        await given.close()

        for (settings, reason) in [
            ("?sslmode=disable", "no pg_hba.conf entry"),
            ("?sslmode=verify-full&sslrootcert=\(certificates.client)", "certificate verify failed"),
        ] {
            let refused = try PostgresStore(options: PostgresOptions(url: url + settings, passwordFile: file))
            let failure = await storeError { try await refused.migrate() }
            #expect(failure?.code == .unavailable)
            #expect(failure?.reason.contains(reason) == true, "\(failure?.reason ?? "none")")
            #expect(failure?.description.contains("canary") == false)
            await refused.close()
        }
        try FileManager.default.removeItem(atPath: file)
        let unread = try PostgresStore(options: PostgresOptions(url: verified, passwordFile: file))
        #expect(await storeError { try await unread.migrate() }?.code == .unavailable)
        await unread.close()
        cluster.stop()
    }

    @Test("Connections to a PostgreSQL server that no server accepts, or too many, are an outage")
    func refused() async throws {
        let database = try await TestDatabase.make()
        let nobody = try PostgresStore(options: PostgresOptions(url: "postgresql://a@127.0.0.1:1/a"))
        #expect(await storeError { try await nobody.migrate() }?.code == .unavailable)
        await nobody.close()

        try database.cluster.psql("CREATE ROLE guest LOGIN CONNECTION LIMIT 0")
        let guest = try PostgresStore(
            options: PostgresOptions(url: database.cluster.url(of: database.name, user: "guest")))
        let failure = await storeError { try await guest.migrate() }
        #expect(failure?.code == .unavailable)
        #expect(failure?.reason.contains("too many connections") == true)
        await guest.close()
    }

    @Test(
        "Connections to a PostgreSQL server are as many as the options say: the next transaction waits for one, and fails when none comes back"
    )
    func limit() async throws {
        try await withNotes { database, _ in
            let store = try database.open {
                $0.connections = 2
                $0.acquireTimeout = .milliseconds(50)
            }
            let (gates, mayEnd) = ([Gate(), Gate()], Gate())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for gate in gates {
                    group.addTask {
                        try await store.transaction { transaction in
                            try addNote("\(ObjectIdentifier(gate))", in: transaction)
                            gate.open()
                            try mayEnd.waitOnThread(for: "the third to be refused")
                        }
                    }
                }
                for gate in gates { try await gate.wait(for: "both transactions to begin") }
                let failure = await storeError { try await store.transaction { _ = try addNote("c", in: $0) } }
                #expect(failure?.code == .unavailable)
                #expect(failure?.reason.contains("all 2 connections") == true)
                mayEnd.open()
                try await group.waitForAll()
            }
            for name in ["d", "e", "f"] { try await store.transaction { _ = try addNote(name, in: $0) } }
            let count = try database.psql(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tertib' AND datname = current_database()"
            )
            #expect(Int(count) ?? 99 <= 2 + 1, "two of this store, and one of the test's")
            await store.close()
        }
    }

    @Test(
        "Connections to a PostgreSQL server are closed after the transactions that run; later ones find the store closed"
    )
    func closing() async throws {
        try await withNotes { database, observer in
            let store = try database.open()
            let (isInside, mayEnd) = (Gate(), Gate())
            async let written: Void = store.transaction { transaction in
                isInside.open()
                try mayEnd.waitOnThread(for: "the store to be closed")
                try addNote("a", in: transaction)
            }
            try await isInside.wait(for: "the transaction to begin")
            async let closed: Void = store.close()
            mayEnd.open()
            try await written
            await closed
            await store.close()
            #expect(await storeError { try await store.transaction { _ in } }?.code == .unavailable)
            #expect(await storeError { try await store.read { _ in } }?.code == .unavailable)
            try await expectNotes(["a"], in: observer)
        }
    }

    @Test("Connections to a PostgreSQL server come and go in numbers, whenever the store is closed")
    func racingClose() async throws {
        for _ in 0..<3 {
            let database = try await TestDatabase.make()
            let store = try await database.migrated()
            let codes = await withTaskGroup(of: StoreError.Code?.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        await storeError {
                            if number == 20 { await store.close() }
                            try await store.transaction { _ in }
                        }?.code
                    }
                }
                return await group.reduce(into: Set<StoreError.Code?>()) { $0.insert($1) }
            }
            #expect(codes.subtracting([nil]) == [.unavailable])
        }
    }
}
