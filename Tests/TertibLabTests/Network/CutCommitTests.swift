#if PostgreSQL
    import Foundation
    import Synchronization
    import TertibRuntime
    import TertibPostgres
    import Testing

    @testable import TertibLab

    @Suite("A connection that is cut at a commit")
    struct CutCommitTests {
        @Test("leaves its outcome unknown: forwarded it is committed, else it is not")
        func cut() async throws {
            let workspace = try Workspace(purpose: "tertib-test")
            let server = try await ThrowawayPostgres.make(
                in: workspace, environment: ProcessInfo.processInfo.environment)
            async let ended: Void = server.run()
            try await server.waitUntilReady()
            try await server.createDatabase("lab")
            let proxy = try NetworkProxy(to: server.portNumber, links: 1, speaking: .postgres)
            let store = try PostgresStore(
                options: PostgresOptions(
                    url: server.url(of: "lab", port: proxy.links[0].port), passwordFile: server.passwordFile))
            try await store.migrate()
            try await insert(0, into: store, creating: true)
            let cuts = Mutex(0)
            for (number, isForwarded) in [(1, true), (2, false)] {
                proxy.change(proxy.links[0]) { rules in
                    rules.cutCommits = 1
                    rules.forwardsCutCommits = isForwarded
                    rules.cut = { cuts.withLock { $0 += 1 } }
                }
                let error = await #expect(throws: StoreError.self) { try await insert(number, into: store) }
                #expect(error?.code == .commitUnknown)
            }
            try await insert(3, into: store)
            #expect(proxy.counts.cutCommits == 2)
            #expect(cuts.withLock { $0 } == 2, "somebody is told of each")
            let lab = PostgresDatabases(url: server.url(of: "lab"), passwordFile: server.passwordFile)
            #expect(try await lab.run("SELECT number FROM t ORDER BY number") == [["0"], ["1"], ["3"]])
            await store.close()
            proxy.stop()
            server.end()
            try await ended
            try workspace.remove()
        }

        private func insert(_ number: Int, into store: PostgresStore, creating: Bool = false) async throws {
            try await store.transaction { transaction in
                if creating { _ = try transaction.execute("CREATE TABLE t (number BIGINT)", arguments: []) }
                _ = try transaction.execute("INSERT INTO t VALUES (\(number))", arguments: [])
            }
        }
    }
#endif
