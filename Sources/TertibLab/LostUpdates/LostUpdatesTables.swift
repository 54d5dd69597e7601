import TertibRuntime

/// The laboratory's tables in a database: stock, orders, and a ledger that gets a row in the transaction of each update.
///
/// The SQL is what SQLite and PostgreSQL share. The names hold a tag of the run's own, so that they meet nobody else's.
struct LostUpdatesTables: Hashable, Sendable {
    static let newStatus = "NEW"
    static let product = "p-1"

    let stock: String
    let orders: String
    let ledger: String

    init(tag: String) {
        stock = "tertib_lab_\(tag)_stock"
        orders = "tertib_lab_\(tag)_order"
        ledger = "tertib_lab_\(tag)_ledger"
    }

    /// All of them.
    var names: [String] { [stock, orders, ledger] }

    static func orderID(_ number: Int) -> String { "o-\(number)" }

    /// The row that a contest is about.
    func row(_ anomaly: Anomaly, _ number: Int) -> RowReference {
        switch anomaly {
        case .stateful: RowReference(orders, ["id": Self.orderID(number)])
        case .stateless: RowReference(stock, ["id": Self.product])
        }
    }

    func create(in store: any ConsumerStore) async throws {
        // `note` is NULL in every row: a comparison of all columns has to know that NULL is equal to NULL.
        try await run(
            [
                """
                CREATE TABLE \(stock) (
                    id TEXT PRIMARY KEY, stock BIGINT NOT NULL, note TEXT, version BIGINT NOT NULL)
                """,
                """
                CREATE TABLE \(orders) (
                    id TEXT PRIMARY KEY, order_status TEXT NOT NULL, note TEXT, version BIGINT NOT NULL)
                """,
                "CREATE TABLE \(ledger) (row_id TEXT NOT NULL, worker BIGINT NOT NULL, became TEXT NOT NULL)",
            ], in: store)
    }

    func drop(in store: any ConsumerStore) async throws {
        try await run(names.map { "DROP TABLE IF EXISTS \($0)" }, in: store)
    }

    /// Makes them as they are before a run.
    func fill(_ options: LostUpdatesOptions, in store: any ConsumerStore) async throws {
        try await store.transactionRetryingBusy { [self] transaction in
            for name in names { try transaction.execute("DELETE FROM \(name)", arguments: []) }
            try transaction.execute(
                "INSERT INTO \(stock) (id, stock, version) VALUES (?, ?, 1)",
                arguments: [.text(Self.product), .integer(Int64(options.stock))])
            for number in 0..<options.orders {
                try transaction.execute(
                    "INSERT INTO \(orders) (id, order_status, version) VALUES (?, ?, 1)",
                    arguments: [.text(Self.orderID(number)), .text(Self.newStatus)])
            }
        }
    }

    private func run(_ statements: [String], in store: any ConsumerStore) async throws {
        try await store.transactionRetryingBusy { transaction in
            for statement in statements { try transaction.execute(statement, arguments: []) }
        }
    }
}

extension ConsumerStore {
    /// The laboratory's own statements meet nobody who would not soon be done.
    fileprivate func transactionRetryingBusy(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Void
    ) async throws {
        for _ in 0..<5 {
            do {
                return try await transaction(body)
            } catch let error as StoreError where error.code == .conflict {
                continue
            }
        }
        try await transaction(body)
    }
}
