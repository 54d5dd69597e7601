import TertibCore
import TertibJetStream

/// Reads the section `nats.authentication`. It never tells what was found: a secret may stand in the wrong place.
struct AuthenticationReader {
    let context: ReadingContext
    let parent: Section

    private enum Kind: String, CaseIterable {
        case none, credentials, nkey, password, token

        var keys: [String] {
            switch self {
            case .none: []
            case .credentials: ["file"]
            case .nkey: ["publicKey", "seedFile"]
            case .password: ["user", "passwordFile"]
            case .token: ["tokenFile"]
            }
        }
    }

    func read() -> Authentication? {
        let allKeys = ["kind"] + Kind.allCases.flatMap(\.keys)
        guard let section = parent.section("authentication", keys: allKeys) else { return nil }
        guard section.position != nil else {
            context.record(section.path.member("kind"), JSONValue.quoted(Kind.none.rawValue), from: nil)
            return Authentication.none
        }
        guard let kind = section.required("kind", .choice(Kind.allCases)) else { return nil }
        refuseKeysOfOtherKinds(section, kind)
        switch kind {
        case .none:
            return Authentication.none
        case .credentials:
            return file("file", section, example: "orders.creds").map { .credentials(file: $0) }
        case .nkey:
            let publicKey = section.required("publicKey", Self.publicKey)
            let seed = file("seedFile", section, example: "orders.nk")
            guard let publicKey, let seed else { return nil }
            return .nkey(publicKey: publicKey, seedFile: seed)
        case .password:
            let user = section.required("user", Self.user)
            let password = line("passwordFile", section, example: "nats.password")
            guard let user, let password else { return nil }
            return .password(user: user, passwordFile: password)
        case .token:
            return line("tokenFile", section, example: "nats.token").map { .token(file: $0) }
        }
    }

    private func refuseKeysOfOtherKinds(_ section: Section, _ kind: Kind) {
        let others = Kind.allCases.filter { $0 != kind }
        for member in section.inOrder {
            guard !kind.keys.contains(member.key), let owner = others.first(where: { $0.keys.contains(member.key) })
            else { continue }
            let expected = kind.keys.isEmpty ? "nothing beside \"kind\"" : kind.keys.joined(separator: " and ")
            context.report(
                .contradiction, at: member.position, section.path.member(member.key),
                "does not belong to the kind \"\(kind.rawValue)\"",
                reason: "expected \(expected), found a setting of the kind \"\(owner.rawValue)\"",
                advice: "remove it, or write \"kind\": \"\(owner.rawValue)\"")
        }
    }

    private func path(_ key: String, _ section: Section, example: String) -> NamedFile? {
        section.required(key, .path(in: context.directory, example: example)).map {
            NamedFile(context: context, section: section, key: key, path: $0)
        }
    }

    private func file(_ key: String, _ section: Section, example: String) -> String? {
        path(key, section, example: example).flatMap { $0.check() ? $0.path : nil }
    }

    private func line(_ key: String, _ section: Section, example: String) -> String? {
        path(key, section, example: example).flatMap { $0.checkLine() ? $0.path : nil }
    }

    private static let user = Form<String>.text(
        "a user name of 1 to 256 characters", example: "orders"
    ) { text in
        if text.isEmpty { return "is empty" }
        if text.unicodeScalars.count > 256 { return "is longer than 256 characters" }
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        return isPlain ? nil : "contains a control character"
    }

    private static let publicKey = Form<String>.text(
        "a user's public nkey: U and 55 more of A-Z and 2-7", example: "U...", hidesWhatIsFound: true
    ) { text in
        let bytes = Array(text.utf8)
        if bytes.first == UInt8(ascii: "S") {
            return "looks like a seed, which is secret: the file of the seed belongs under seedFile"
        }
        let isKey =
            bytes.count == 56 && bytes.first == UInt8(ascii: "U")
            && bytes.allSatisfy { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "2")...UInt8(ascii: "7")).contains(byte)
            }
        return isKey ? nil : "is not a user's public nkey"
    }
}
