import ServiceLifecycle
import ShopService
import TestServers
import Tertib
import Testing

@Suite("A load")
struct LoadLoopTests {
    @Test("is played step by step, each once, by replicas that share it")
    func playsEachStepOnce() async throws {
        let server = try await NatsServer.start()
        let folder = try TemporaryDirectory()
        let replicas = [
            try await RunningShop.open("catalog", server, folder),
            try await RunningShop.open("catalog", server, folder),
        ]
        try await replicas[0].transaction { transaction in
            try transaction.execute(LoadLoop.schema)
            try transaction.execute("CREATE TABLE played (step BIGINT NOT NULL)")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for replica in replicas {
                let loop = LoadLoop(tertib: replica, name: "test", total: 200, rate: 10_000) { step, transaction in
                    try transaction.execute("INSERT INTO played (step) VALUES (?)", step)
                }
                group.addTask { try await loop.run() }
            }
            try await waitUntil("all steps to be played") {
                try await replicas[0].number("SELECT COUNT(*) AS value FROM played") ?? 0 >= 200
            }
            group.cancelAll()
        }
        #expect(try await replicas[0].number("SELECT COUNT(*) AS value FROM played") == 200)
        #expect(try await replicas[0].number("SELECT COUNT(DISTINCT step) AS value FROM played") == 200)
        #expect(try await replicas[0].number("SELECT done AS value FROM load_progress") == 200)
        for replica in replicas { await replica.close() }
    }
}
