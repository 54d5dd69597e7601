import Foundation
import Logging
import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

/// What a check in the closure of an update throws.
private struct SoldOut: Error {}

/// A record of the tests' own.
private struct Stock: VersionedRecord, Equatable {
    static let table = "stock"
    var product: String
    var amount: Int64
    var version: Int64 = 0

    init(product: String, amount: Int64) {
        (self.product, self.amount) = (product, amount)
    }

    init(row: SQLRow) throws {
        product = row["product"].text ?? ""
        amount = row["amount"].integer ?? 0
        version = row["version"].integer ?? 0
    }

    var key: KeyValuePairs<String, any SQLConvertible> { ["product": product] }
    var values: KeyValuePairs<String, any SQLConvertible> { ["amount": amount] }
}

@Suite("A read-modify-write of the service's own rows, on SQLite", .timeLimit(.minutes(1)))
struct UpdateTests {
    private let world: World

    init() throws {
        world = try World(.sqlite)
    }

    static let policies: [ConcurrencyPolicy] = [.version, .allColumns, .forUpdate, .forUpdateNoWait, .serializable]

    @Test("Of eight at once that take pieces none is lost, and never too many are taken", arguments: policies)
    func concurrent(policy: ConcurrencyPolicy) async throws {
        let service = try await serviceWithStock(30)
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var taken = 0
                    for _ in 0..<5 where (try? await take(from: service, under: policy)) != nil { taken += 1 }
                    return taken
                }
            }
            return await group.reduce(0, +)
        }
        #expect(taken == 30)
        #expect(try await find("42", in: service)?.amount == 0)
        await service.close()
    }

    @Test("A closure that throws leaves the row as it was")
    func undone() async throws {
        let service = try await serviceWithStock(0)
        await #expect(throws: SoldOut.self) { try await take(from: service, under: .version) }
        #expect(try await find("42", in: service)?.version == 1)
        await service.close()
    }

    @Test("A record that somebody else has saved is not saved, and the conflict tells both versions")
    func stale() async throws {
        let service = try await serviceWithStock(10)
        let read = try #require(try await find("42", in: service))
        #expect(read.version == 1)
        let saved = try await service.transaction { transaction in
            var record = read
            record.amount = 9
            try transaction.save(&record)
            return record
        }
        #expect(saved.version == 2)
        let conflict = await #expect(throws: UpdateConflict.self) {
            try await service.transaction { transaction in
                var record = read
                record.amount = 8
                try transaction.save(&record)
            }
        }
        #expect(conflict?.expected == 1)
        #expect(conflict?.actual == 2)
        #expect(try await find("42", in: service) == saved)
        await service.close()
    }

    @Test("A record is added once; one that is gone is not saved")
    func addedAndGone() async throws {
        let service = try await serviceWithStock(10)
        let fresh = try await service.transaction { transaction in
            var record = Stock(product: "'; DROP TABLE stock; --", amount: 1)
            try transaction.save(&record)
            return record
        }
        #expect(fresh.version == 1)
        let twice = await #expect(throws: UpdateConflict.self) {
            try await service.transaction { transaction in
                var record = Stock(product: fresh.product, amount: 2)
                try transaction.save(&record)
            }
        }
        #expect(twice?.expected == 0)
        #expect(twice?.actual == 1)
        let gone = await #expect(throws: UpdateConflict.self) {
            try await service.transaction { transaction in
                try transaction.execute("DELETE FROM stock WHERE product = ?", fresh.product)
                var record = fresh
                try transaction.save(&record)
            }
        }
        #expect(gone?.actual == nil)
        #expect(try await find(fresh.product, in: service) == fresh, "the deletion was undone with the conflict")
        await service.close()
    }

    @Test("Names are names, whatever they contain")
    func names() async throws {
        let service = try await serviceWithStock(10)
        try await service.transaction { transaction in
            try transaction.execute(#"CREATE TABLE "odd ""name" ("the key" TEXT PRIMARY KEY, "a b" INTEGER)"#)
            _ = try transaction.execute(#"INSERT INTO "odd ""name" VALUES ('k', 1)"#)
        }
        let row = RowReference(#"odd "name"#, ["the key": "k"])
        try await service.update(row, under: .allColumns) { row, _ in row["a b"] = .integer(2) }
        let found = try await service.store.read {
            try $0.query(#"SELECT "a b" AS n FROM "odd ""name""#, arguments: [])
        }
        #expect(found.first?["n"] == .integer(2))
        await service.close()
    }

    private func find(_ product: String, in service: EventBus) async throws -> Stock? {
        try await service.transaction { try $0.find(Stock.self, ["product": product]) }
    }

    private func take(from service: EventBus, under policy: ConcurrencyPolicy) async throws {
        try await service.update(RowReference("stock", ["product": "42"]), under: policy) { row, _ in
            guard let amount = row["amount"].integer, amount > 0 else { throw SoldOut() }
            row["amount"] = .integer(amount - 1)
        }
    }

    private func serviceWithStock(_ amount: Int) async throws -> EventBus {
        let service = try await world.service(.ledger()).service
        try await service.transaction { transaction in
            try transaction.execute(
                "CREATE TABLE stock (product TEXT PRIMARY KEY, amount INTEGER NOT NULL, version INTEGER NOT NULL)")
            _ = try transaction.execute("INSERT INTO stock VALUES ('42', ?, 1)", amount)
        }
        return service
    }
}
