/// What the laboratory of lost updates is asked for.
public struct LostUpdatesOptions: Hashable, Sendable {
    /// The numbers of transactions at once that make sense.
    public static let workerRange = 2...32

    /// The databases to run on; without any, a temporary SQLite file and a throwaway PostgreSQL server.
    public var stores: [LabStore]
    /// How many connections work at once.
    public var workers: Int
    /// How many orders two transactions each fight for.
    public var orders: Int
    /// How many pieces there are to take.
    public var stock: Int
    /// Which of the transactions begins first is drawn from it.
    public var seed: UInt64
    /// Whether the tables stay behind.
    public var keepsTables: Bool
    /// Where `PATH` is, in which the server's programs are looked for, too.
    public var environment: [String: String]

    /// Creates options.
    public init(
        stores: [LabStore] = [], workers: Int = 8, orders: Int = 40, stock: Int = 50, seed: UInt64 = 1,
        keepsTables: Bool = false, environment: [String: String] = [:]
    ) {
        self.stores = stores
        self.workers = workers
        self.orders = orders
        self.stock = stock
        self.seed = seed
        self.keepsTables = keepsTables
        self.environment = environment
    }

    /// A quarter more are wanted than there are, so that the check has to say no; everybody takes equally often.
    var takes: Int { (stock + stock / 4 + workers) / workers * workers }
}
