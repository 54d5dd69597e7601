/// What a process of the demo is.
public enum Role: String, Hashable, Sendable, CaseIterable {
    /// Owns products and reservations.
    case catalog
    /// Owns orders.
    case orders
    /// Owns payments.
    case payments
    /// Copies products and offers; the last write wins.
    case lastWriteWins = "last-write-wins"
    /// Copies products and offers; checks the row's version as tutorials do.
    case versionCheck = "version-check"

    /// The services of the shop.
    public static let services: [Role] = [.catalog, .orders, .payments]
    /// The wrong ways.
    public static let wrongWays: [Role] = [.lastWriteWins, .versionCheck]

    /// The name of its program.
    var program: String {
        switch self {
        case .catalog, .orders, .payments: "shop-\(rawValue)"
        case .lastWriteWins, .versionCheck: "shop-naive"
        }
    }

    /// The name of its JSON file.
    var file: String { "\(rawValue).json" }
}
