/// The way to a setting: `$.consumers.orders.gap.hold`, `$.nats.servers[0]`.
struct JSONPath: Hashable, Sendable, CustomStringConvertible {
    /// The whole file.
    static let root = JSONPath(description: "$")

    let description: String

    private init(description: String) {
        self.description = description
    }

    /// The member `key` of this object.
    func member(_ key: String) -> JSONPath {
        let isPlain =
            !key.isEmpty && key.utf8.count <= QuotedText.limit
            && key.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "_") || byte == UInt8(ascii: "$") || byte == UInt8(ascii: "-")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            }
        return JSONPath(description: isPlain ? "\(description).\(key)" : "\(description)[\(QuotedText.quote(key))]")
    }

    /// The element `index` of this array.
    func element(_ index: Int) -> JSONPath {
        JSONPath(description: "\(description)[\(index)]")
    }
}
