import TestServers
import Tertib
import Testing

@testable import ShopCatalog

@Suite("The catalog's stock")
struct CatalogTests {
    @Test("is never taken twice or below 0 by replicas that reserve at the same time")
    func neverBelowZero() async throws {
        let server = try await NatsServer.start()
        let folder = try TemporaryDirectory()
        let replicas = [
            try await RunningShop.open("catalog", server, folder),
            try await RunningShop.open("catalog", server, folder),
        ]
        try await replicas[0].transaction { transaction in
            try CatalogSchema.create(transaction)
            try Catalog(transaction: transaction).list(id: "p-1", name: "lamp", price: 100, stock: 7)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<12 {
                group.addTask {
                    try await replicas[number % 2].transaction { transaction in
                        try Catalog(transaction: transaction).reserve(1, of: "p-1", for: "o-\(number)")
                    }
                }
            }
            try await group.waitForAll()
        }
        let catalog = replicas[0]
        #expect(try await catalog.number("SELECT stock AS value FROM product") == 0)
        #expect(
            try await catalog.number("SELECT COUNT(*) AS value FROM reservation WHERE status = 'confirmed'") == 7)
        #expect(
            try await catalog.number("SELECT COUNT(*) AS value FROM reservation WHERE status = 'rejected'") == 5)
        #expect(try await catalog.number("SELECT version AS value FROM product") == 8)
        for replica in replicas { await replica.close() }
    }

    @Test("is not given back twice")
    func releasedOnce() async throws {
        try await RunningShop.withService("catalog") { tertib in
            try await tertib.transaction { transaction in
                try CatalogSchema.create(transaction)
                let catalog = Catalog(transaction: transaction)
                try catalog.list(id: "p-1", name: "lamp", price: 100, stock: 7)
                try catalog.reserve(2, of: "p-1", for: "o-1")
                try catalog.release("o-1")
            }
            await #expect(throws: CatalogError.nothingReserved("o-1")) {
                try await tertib.transaction { try Catalog(transaction: $0).release("o-1") }
            }
            #expect(try await tertib.number("SELECT stock AS value FROM product") == 7)
        }
    }
}
