/// A piece of JSON text, and where it stands.
package struct JSONToken: Hashable, Sendable {
    /// The kinds of piece. Commas and colons are checked and not reported.
    package enum Kind: Hashable, Sendable {
        case beginObject, endObject, beginArray, endArray
        /// A string before a colon.
        case key
        case string, number, `true`, `false`, null
    }

    /// Which kind.
    package let kind: Kind
    /// The bytes it covers, quotes included.
    package let range: Range<Int>

    package init(_ kind: Kind, _ range: Range<Int>) {
        self.kind = kind
        self.range = range
    }
}
