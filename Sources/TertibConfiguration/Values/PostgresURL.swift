/// The address of a database on a PostgreSQL server, `postgresql://[USER@]HOST[:PORT]/DATABASE[?NAME=VALUE]`, without a
/// password.
public struct PostgresURL: Hashable, Sendable, CustomStringConvertible {
    /// The address as the configuration writes it.
    public let url: String

    /// `postgresql://orders@db/orders`
    public var description: String { url }

    /// Reads an address. What the names of the settings mean, and whether the server is there, is for libpq to say.
    /// - Throws: what is wrong with it. It never repeats the text, which may hold a password.
    init(_ text: String) throws(Mismatch) {
        guard let scheme = ["postgresql://", "postgres://"].first(where: text.hasPrefix) else {
            throw .invalid("does not begin with postgresql://")
        }
        guard text.utf8.count <= 2048 else { throw .invalid("is longer than 2048 characters") }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        guard rest.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .invalid("has a character that has to be written as %XX")
        }
        let place = rest.prefix { $0 != UInt8(ascii: "?") }
        try Self.checkPlace(place)
        if place.count < rest.count { try Self.checkSettings(rest.dropFirst(place.count + 1)) }
        url = text
    }

    /// User, hosts and database.
    private static func checkPlace(_ place: Substring.UTF8View) throws(Mismatch) {
        let authority = place.prefix { $0 != UInt8(ascii: "/") }
        let database = place.dropFirst(authority.count + 1)
        let parts = authority.split(
            separator: UInt8(ascii: "@"), maxSplits: .max, omittingEmptySubsequences: false)
        if parts.count == 2, parts[0].contains(UInt8(ascii: ":")) { throw password }
        let isPlain =
            parts.count <= 2 && !(parts.count == 2 && parts[0].isEmpty)
            && !database.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "@") }
        guard isPlain else { throw .invalid("is not a user, a host and a database with @ and / between them") }
    }

    private static func checkSettings(_ query: Substring.UTF8View) throws(Mismatch) {
        for setting in query.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false) {
            let name = setting.prefix { $0 != UInt8(ascii: "=") }
            let isName =
                !name.isEmpty && name.count < setting.count
                && name.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_") }
            guard isName else { throw .invalid("has settings that are not NAME=VALUE with & between them") }
            if ["password", "sslpassword"].contains(String(decoding: name, as: UTF8.self)) { throw password }
        }
    }

    private static var password: Mismatch {
        .invalid("contains a password", advice: "write it into a file, and name that: \"password\": { \"file\": ... }")
    }
}
